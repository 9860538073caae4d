import BallastPlugins
import Testing

/// The code of "Reading a plan".
struct Plans {
    @Test func `a plan is printed`() throws {
        var print = Printer()
        // snippet.plan
        let model = Sequential {
            Conv2d(8, kernel: 3, padding: 1); ReLU(); MaxPool2d(2)
            Flatten()
            Linear(32); ReLU()
            Linear(10)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3)) {
            DataAugmentation(.horizontalFlip(), .translation(pixels: 2))
            BatchNorm(at: .before("relu1"))
            Dropout(0.5, at: .after("relu2"))
            DecoupledDecay(0.1)
            ElasticNet(1e-5, on: .named("linear2"))
            EarlyStopping(patience: 3)
        }
        let plan = try trainer.plan(inputShape: [1, 28, 28])
        print(plan)
        // snippet.end
        try Article("ReadingAPlan").expect("plan", shows: print.last)
        // snippet.entries
        let decayed = plan.entries.first { $0.technique == "DecoupledDecay" }
        print(decayed?.parameters ?? [], decayed?.parameterCount ?? 0)
        // snippet.end
        try Article("ReadingAPlan").expect("entries", shows: print.last)
    }
}

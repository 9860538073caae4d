// Stops a run, resumes it to the same bits, saves the model and predicts from the file: `swift run quick-resume`.
import Ballast
import BallastDropout
import Foundation

let folder = FileManager.default.temporaryDirectory.appending(path: "quick-resume-\(UUID().uuidString)")
defer { try? FileManager.default.removeItem(at: folder) }

let inputs = RandomStream(seed: 5, purpose: "inputs").uniforms(600).map { [$0 * 6 - 3] }
let data = try Dataset(inputs: inputs, targets: inputs.map { [abs($0[0])] })
let model = Sequential {
    Linear(16); ReLU()
    Linear(1)
}
let trainer = Trainer(model, loss: .meanSquaredError, optimizer: Adam(learningRate: 0.01)) {
    Dropout(0.1)
}

// A run that is never stopped, and one that stops in the middle of an epoch, as if the machine had crashed.
let whole = try trainer.fit(data, epochs: 10, seed: 1)
let checkpoints = CheckpointPolicy(in: folder, everySteps: 5)
let stopped = try trainer.start(data, epochs: 10, seed: 1, checkpoints: checkpoints)
for _ in 0..<75 { try stopped.step() }

// The same call starts a run, or resumes a saved one.
let resumed = try trainer.fit(data, epochs: 10, seed: 1, checkpoints: checkpoints)
print("same bits as the run that was never stopped: \(resumed.variables.hasSameBits(as: whole.variables))")

let file = folder.appending(path: "model.safetensors")
try resumed.saveModel(to: file)
let loaded = try trainer.loadModel(from: file)
let prediction = try loaded.predict(Tensor([-2, 0.5, 1], shape: [3, 1]))
print("predictions for -2, 0.5 and 1: \(prediction.scalars)")

// Trains on a CSV file: `swift run quick-csv FILE LABEL-COLUMN`, or without arguments on a small file that it writes.
import Ballast
import BallastDropout
import Foundation

/// Flowers of two species, by the lengths of sepals and petals.
func writeExample(to url: URL) throws {
    let noise = RandomStream(seed: 1, purpose: "flowers").uniforms(240)
    let lines = (0..<120).map { row in
        let isSecond = row % 2 == 1
        let sepal = 5 + noise[2 * row] + (isSecond ? 0.8 : 0)
        let petal = 1.5 + noise[2 * row + 1] + (isSecond ? 1.2 : 0)
        return "\(sepal),\(petal),\(isSecond ? "virginica" : "setosa")"
    }
    try (["sepal,petal,species"] + lines).joined(separator: "\n").write(to: url, atomically: true, encoding: .utf8)
}

let arguments = CommandLine.arguments.dropFirst()
let url = URL(filePath: arguments.first ?? FileManager.default.temporaryDirectory.appending(path: "flowers.csv").path)
if arguments.isEmpty { try writeExample(to: url) }

let table = try CSVFile(contentsOf: url, label: .named(arguments.dropFirst().first ?? "species"))
let data = try Dataset(
    inputs: Column(floats: table.values, itemShape: [table.columns.count]),
    targets: Column(integers: table.labels ?? []))
let (test, train) = data.split(0.25)

let model = Sequential {
    Linear(16); ReLU()
    Linear(table.classes.count)
}
let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 0.01)) {
    Dropout(0.2)
}
let run = try trainer.fit(train, epochs: 60, seed: 1)
print("\(table.rowCount) rows of \(table.columns.joined(separator: ", ")); classes \(table.classes)")
print("accuracy on \(test.count) test rows: \(try run.evaluate(test)["accuracy"] ?? .nan)")

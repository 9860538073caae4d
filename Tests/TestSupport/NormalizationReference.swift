package import Ballast
internal import Foundation

/// The fixtures of a normalization: the file `Fixtures/reference.json` beside its tests.
package struct NormalizationReference: Decodable {
    /// Single layers.
    package let replays: [WrapperReplay]
    /// Trained networks.
    package let trajectories: [TrainingReplay]

    /// Reads the fixtures beside a test file.
    package init(beside testFile: String) throws {
        let file = URL(filePath: testFile).deletingLastPathComponent().appending(path: "Fixtures/reference.json")
        self = try JSONDecoder().decode(NormalizationReference.self, from: Data(contentsOf: file))
    }

    /// The trajectories of perceptrons, or of convolutional networks.
    package func trajectories(of network: String) -> [TrainingReplay] {
        trajectories.filter { $0.name.hasPrefix(network) }
    }

    /// The perceptron of the trajectories: 7 inputs, 3 classes.
    package static var perceptron: Sequential {
        Sequential {
            Linear(16)
            ReLU()
            Linear(12)
            ReLU()
            Linear(3)
        }
    }

    /// The convolutional network of the trajectories: inputs of 2 x 8 x 8, 3 classes.
    package static var convolutional: Sequential {
        Sequential {
            Conv2d(4, kernel: 3, padding: 1)
            ReLU()
            MaxPool2d(2)
            Conv2d(6, kernel: 3, padding: 1)
            ReLU()
            Flatten()
            Linear(3)
        }
    }
}

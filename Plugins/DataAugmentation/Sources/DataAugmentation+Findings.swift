public import BallastCore

extension DataAugmentation {
    /// Finds transforms that do not fit the inputs, and those that leave images of one channel unchanged.
    public func diagnostics(in context: CompositionContext) -> [Diagnostic] {
        let errors = problems(withSamplesOf: context.inputShape, context.inputType).map { problem in
            Diagnostic(
                .error, problem.identifier, technique: name, message: problem.message, suggestion: problem.suggestion)
        }
        let idle = transforms.filter { $0.needsThreeChannels }
        guard errors.isEmpty, !idle.isEmpty, context.inputShape.first == 1 else { return errors }
        return [
            Diagnostic(
                .warning, "colorless-images", technique: name,
                message: "\(list(idle)) changes nothing: the images of shape \(context.inputShape) have one channel",
                reason: "gray has neither hue nor saturation",
                suggestion: "leave it out, or use .brightness or .contrast")
        ]
    }

    /// Why samples of a shape cannot be changed; empty if they can.
    func problems(
        withSamplesOf shape: Shape, _ type: ScalarType
    ) -> [(identifier: String, message: String, suggestion: String)] {
        guard type == .float32 else {
            return [
                (
                    "not-numbers",
                    "inputs of shape \(shape) are integers (tokens), which cannot be changed like numbers",
                    "leave data augmentation out, or give the inputs as floats"
                )
            ]
        }
        let imaging = transforms.filter(\.needsImages)
        if !imaging.isEmpty, shape.rank != 3 {
            return [
                (
                    "not-images",
                    "\(list(imaging)) takes images of shape [channels, height, width], but an input has shape \(shape)",
                    "give images that shape, [1, 28, 28] for example, and begin the model with Flatten() if it needs rows"
                )
            ]
        }
        return transforms.flatMap { transform in
            var problems: [(identifier: String, message: String, suggestion: String)] = []
            if transform.readsColors, shape[0] != 1, shape[0] != 3 {
                problems.append(
                    (
                        "unknown-colors",
                        "\(transform) takes images of 1 or 3 channels, but an input has shape \(shape)",
                        "leave it out"
                    ))
            }
            if case .crop(let height?, let width?, let padding) = transform.kind {
                let (most, widest) = (shape[1] + 2 * padding, shape[2] + 2 * padding)
                if height > most || width > widest {
                    problems.append(
                        (
                            "crop-too-large",
                            "\(transform) is larger than the image: a height in 1...\(most) and a width in 1...\(widest) are possible, as an input has shape \(shape) and the padding is \(padding)",
                            "take a smaller window, or more padding"
                        ))
                }
            }
            if case .featureJitter(_, let deviations?) = transform.kind, deviations.count != shape.elementCount {
                problems.append(
                    (
                        "deviation-count",
                        "\(transform) has \(deviations.count) deviations, but an input of shape \(shape) has \(shape.elementCount) features",
                        "give one for each feature, or the training data: .featureJitter(0.1, relativeTo: train)"
                    ))
            }
            return problems
        }
    }

    private func list(_ transforms: [Augmentation]) -> String {
        transforms.map(\.description).joined(separator: ", ")
    }
}

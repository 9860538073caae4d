public import BallastCore

extension Augmentation {
    /// Multiplies the distance of every value from black by a factor drawn uniformly from `max(0, 1 − amount)...1 + amount`.
    ///
    /// - Parameters:
    ///   - amount: how far the factor may be from 1, in `0..<infinity`.
    ///   - probability: the probability that a sample is changed.
    public static func brightness(_ amount: Float, probability: Float = 1) -> Augmentation {
        Augmentation(.brightness(amount), probability: probability)
    }

    /// Multiplies the distance of every value from the image's mean gray by a factor drawn uniformly from
    /// `max(0, 1 − amount)...1 + amount`.
    ///
    /// - Parameters:
    ///   - amount: how far the factor may be from 1, in `0..<infinity`.
    ///   - probability: the probability that a sample is changed.
    public static func contrast(_ amount: Float, probability: Float = 1) -> Augmentation {
        Augmentation(.contrast(amount), probability: probability)
    }

    /// Multiplies the distance of every color from its gray by a factor drawn uniformly from
    /// `max(0, 1 − amount)...1 + amount`. Images of one channel stay as they are.
    ///
    /// - Parameters:
    ///   - amount: how far the factor may be from 1, in `0..<infinity`.
    ///   - probability: the probability that a sample is changed.
    public static func saturation(_ amount: Float, probability: Float = 1) -> Augmentation {
        Augmentation(.saturation(amount), probability: probability)
    }

    /// Turns the hue of every color by a part of the color circle drawn uniformly from `-amount...amount`. Images of one
    /// channel stay as they are.
    ///
    /// - Parameters:
    ///   - amount: the greatest part of the circle, in `0...0.5`.
    ///   - probability: the probability that a sample is changed.
    public static func hue(_ amount: Float, probability: Float = 1) -> Augmentation {
        Augmentation(.hue(amount), probability: probability)
    }

    /// Adds a number drawn from a normal distribution to every value, and does not clip the sum. For samples of any shape.
    ///
    /// - Parameters:
    ///   - deviation: the standard deviation, in the units of the data; not negative.
    ///   - probability: the probability that a sample is changed.
    public static func gaussianNoise(deviation: Float, probability: Float = 1) -> Augmentation {
        Augmentation(.gaussianNoise(deviation: deviation), probability: probability)
    }

    /// Adds a number drawn from a normal distribution to every feature of a table whose features have deviation 1.
    ///
    /// - Parameters:
    ///   - amount: the standard deviation of the noise; not negative.
    ///   - probability: the probability that a sample is changed.
    public static func featureJitter(_ amount: Float, probability: Float = 1) -> Augmentation {
        Augmentation(.featureJitter(amount, deviations: nil), probability: probability)
    }

    /// Adds a number drawn from a normal distribution to every feature of a table, relative to the feature's deviation.
    ///
    /// - Parameters:
    ///   - amount: the standard deviation of the noise divided by the feature's; not negative.
    ///   - deviations: the standard deviation of each feature.
    ///   - probability: the probability that a sample is changed.
    public static func featureJitter(
        _ amount: Float, deviations: [Float], probability: Float = 1
    ) -> Augmentation {
        Augmentation(.featureJitter(amount, deviations: deviations), probability: probability)
    }

    /// Adds a number drawn from a normal distribution to every feature of a table, relative to its deviation in a data set.
    ///
    /// - Parameters:
    ///   - amount: the standard deviation of the noise divided by the feature's; not negative.
    ///   - data: the data whose deviations count, usually the training data; read once. The mean of squares is over all
    ///     samples; a feature that never changes gets no noise.
    ///   - probability: the probability that a sample is changed.
    public static func featureJitter(_ amount: Float, relativeTo data: Dataset, probability: Float = 1) -> Augmentation
    {
        featureJitter(amount, deviations: deviations(in: data), probability: probability)
    }

    /// Replaces each feature by a value, independently and with the same probability.
    ///
    /// - Parameters:
    ///   - share: the probability that a feature is replaced, in `0...1`.
    ///   - value: what replaces it; 0 is the mean of a standardized feature.
    ///   - probability: the probability that a sample is changed.
    public static func featureMasking(_ share: Float, value: Float = 0, probability: Float = 1) -> Augmentation {
        Augmentation(.featureMasking(share, value: value), probability: probability)
    }

    /// The standard deviation of each element of the inputs.
    private static func deviations(in data: Dataset) -> [Float] {
        let width = data.inputs.itemShape.elementCount
        // Sums of differences from the first sample: they stay exact where the mean is far from 0.
        var origin: [Float] = []
        var sums = [(first: Double, second: Double)](repeating: (0, 0), count: width)
        for batch in data.batches(ofSize: 1024) {
            batch.input.withUnsafeFloats { values in
                if origin.isEmpty { origin = Array(values.prefix(width)) }
                for index in values.indices {
                    let difference = Double(values[index] - origin[index % width])
                    sums[index % width].first += difference
                    sums[index % width].second += difference * difference
                }
            }
        }
        let count = Double(max(data.count, 1))
        return sums.map { sum in
            let mean = sum.first / count
            return Float(max(sum.second / count - mean * mean, 0).squareRoot())
        }
    }
}

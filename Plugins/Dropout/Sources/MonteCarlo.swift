public import BallastCore

/// What many passes with noise predict together (Gal & Ghahramani, 2016).
public struct MonteCarloPrediction {
    /// The mean over the samples: of the outputs, or of the probabilities if the model is a classifier.
    public let mean: Tensor
    /// The variance over the samples, divided by their number; exactly 0 where every sample is the same.
    ///
    /// Of the same shape and of squared units. The paper's predictive variance adds the inverse model precision τ⁻¹,
    /// the variance of the noise in the data, which a model cannot know.
    public let variance: Tensor
    /// −Σ p log p of the mean probabilities, in nats, `[batch, ...]` without the classes: 0 when certain, log(classes)
    /// at most. Nil if the model is no classifier.
    public let predictiveEntropy: Tensor?
    /// The number of samples.
    public let sampleCount: Int

    /// Gathers samples by Welford's recurrence in double precision, so that equal samples have a variance of exactly 0.
    init(samples: Int, isClassifier: Bool, _ sample: (_ index: Int) throws -> Tensor) rethrows {
        require(samples > 0, "predict: the number of samples must be positive but is \(samples)")
        var shape: Shape = []
        var mean: [Double] = []
        var squares: [Double] = []
        for index in 0..<samples {
            let output = try sample(index)
            let values = (isClassifier ? output.softmax() : output).scalars
            shape = output.shape
            if index == 0 {
                mean = values.map(Double.init)
                squares = [Double](repeating: 0, count: values.count)
                continue
            }
            for element in values.indices {
                let difference = Double(values[element]) - mean[element]
                mean[element] += difference / Double(index + 1)
                squares[element] += difference * (Double(values[element]) - mean[element])
            }
        }
        self.mean = Tensor(mean.map(Float.init), shape: shape)
        variance = Tensor(squares.map { Float($0 / Double(samples)) }, shape: shape)
        let logarithms = self.mean.clamped(to: .leastNormalMagnitude...1).log()
        predictiveEntropy = isClassifier ? 0 - (self.mean * logarithms).sum(axes: [shape.rank - 1]) : nil
        sampleCount = samples
    }
}

extension Predictor {
    /// Predicts by Monte Carlo dropout: passes with noise drawn, their mean, and their spread as uncertainty.
    ///
    /// Every technique that draws noise takes part; normalization uses running statistics. Draw i is a function of
    /// the run's seed and i, so the same call gives the same result.
    ///
    /// - Parameters:
    ///   - input: the inputs, `[batch, ...]`.
    ///   - samples: the number T of passes, positive. The error of the mean falls with √T; 30 to 100 are usual.
    /// - Returns: for a loss of classes mean and variance of the probabilities, for others of the outputs.
    /// - Throws: ``DataError`` if the inputs are not of the shape that the model was trained on.
    /// - Source: Gal & Ghahramani, "Dropout as a Bayesian Approximation", ICML 2016, equations 6 to 8.
    public func predict(_ input: Tensor, samples: Int) throws -> MonteCarloPrediction {
        try MonteCarloPrediction(samples: samples, isClassifier: target == .classes) {
            try predict(input, draw: $0)
        }
    }
}

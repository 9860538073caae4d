public import BallastReports

extension HTMLReport.Section {
    /// Creates a section of the results of a comparison: the curves of the losses, and the table.
    ///
    /// - Parameters:
    ///   - heading: its name.
    ///   - results: the runs; those of one composition with several seeds are shown by mean and deviation.
    ///   - isLogarithmic: whether the losses have logarithmic axes.
    public init(_ heading: String, results: [ComparedRun], isLogarithmic: Bool = false) {
        self.init(
            heading, figures: LossCurves(results, isLogarithmic: isLogarithmic).charts,
            tables: [ComparisonTable(results).reportTable])
    }
}

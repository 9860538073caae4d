internal import Tensors

/// A self-contained figure for a report.
public protocol ReportFigure: Sendable {
    /// The figure as an element of a page, well-formed as XML too.
    var html: String { get }
}

/// Lines, points and bands over two axes, drawn as SVG.
///
/// ```swift
/// let chart = Chart(
///     "Loss", x: Chart.Axis("epoch"), y: Chart.Axis("loss", isLogarithmic: true),
///     [
///         Chart.Series("none", x: [1, 2, 3], y: [0.5, 0.2, 0.1])
///     ])
/// ```
///
/// Values that are not finite, or not positive on a logarithmic axis, are left out. Long lines are thinned to a few
/// hundred points.
public struct Chart: ReportFigure {
    /// One direction of a chart.
    public struct Axis: Sendable {
        /// The quantity, with its unit.
        public let title: String
        /// Whether the axis is logarithmic.
        public let isLogarithmic: Bool
        /// The visible range; nil for all values but the largest outliers.
        public let range: ClosedRange<Double>?

        /// Creates an axis.
        ///
        /// - Parameters:
        ///   - title: the quantity, with its unit.
        ///   - isLogarithmic: whether the axis is logarithmic.
        ///   - range: the visible range; nil for all values but the largest outliers.
        public init(_ title: String, isLogarithmic: Bool = false, range: ClosedRange<Double>? = nil) {
            self.title = title
            self.isLogarithmic = isLogarithmic
            self.range = range
        }
    }

    /// Values in a chart that share a color and a name.
    public struct Series: Sendable {
        /// How it is drawn.
        public enum Kind: Sendable {
            /// A line through the points.
            case line
            /// A dot at each point.
            case points
        }

        /// Its name in the legend; empty for none.
        public let name: String
        /// How it is drawn.
        public let kind: Kind
        /// The x values.
        public let x: [Double]
        /// The y values.
        public let y: [Double]
        /// How far a band reaches to both sides of y; empty for none.
        public let spread: [Double]
        /// The number of its color; series of one number share it.
        public let color: Int
        /// Whether it is drawn thin, as a background.
        public let isFaint: Bool

        /// Creates a series.
        ///
        /// - Parameters:
        ///   - name: its name in the legend; empty for none.
        ///   - kind: how it is drawn.
        ///   - x: the x values, in the unit of the horizontal axis.
        ///   - y: the y values, in the unit of the vertical axis.
        ///   - spread: how far a band reaches to both sides of y; empty for none.
        ///   - color: the number of its color; not negative.
        ///   - isFaint: whether it is drawn thin, as a background.
        /// - Precondition: as many x as y, and as many spreads or none.
        public init(
            _ name: String, _ kind: Kind = .line, x: [Double], y: [Double], spread: [Double] = [], color: Int = 0,
            isFaint: Bool = false
        ) {
            require(
                x.count == y.count && (spread.isEmpty || spread.count == y.count),
                "Chart.Series: \(x.count) x, \(y.count) y and \(spread.count) spreads must have equal counts (or no spreads)"
            )
            require(color >= 0, "Chart.Series: the color must not be negative but is \(color)")
            self.name = name
            self.kind = kind
            self.x = x
            self.y = y
            self.spread = spread
            self.color = color
            self.isFaint = isFaint
        }
    }

    /// The title.
    public let title: String
    /// The horizontal axis.
    public let x: Axis
    /// The vertical axis.
    public let y: Axis
    /// The series; the last is drawn on top.
    public let series: [Series]
    /// A line of explanation below the chart; empty for none.
    public let note: String

    /// Creates a chart.
    ///
    /// - Parameters:
    ///   - title: the title.
    ///   - x: the horizontal axis.
    ///   - y: the vertical axis.
    ///   - series: the series; the last is drawn on top.
    ///   - note: a line of explanation below the chart; empty for none.
    public init(_ title: String, x: Axis, y: Axis, _ series: [Series], note: String = "") {
        self.title = title
        self.x = x
        self.y = y
        self.series = series
        self.note = note
    }
}

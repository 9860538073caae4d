internal import Foundation

extension Chart {
    private static let (width, height) = (420.0, 270.0)
    private static let frame = (left: 64.0, right: 18.0, top: 8.0, bottom: 40.0)
    /// The most points that a line keeps.
    private static let pointLimit = 160

    /// The chart as an element of a page: the picture, its legend, and its values for the script of the page.
    public var html: String {
        let horizontal = ChartScale(x, values: series.flatMap(\.x), trimming: false)
        let vertical = ChartScale(y, values: series.flatMap(extent), trimming: true)
        let (inner, bottom) = (Chart.width - Chart.frame.right, Chart.height - Chart.frame.bottom)
        func across(_ value: Double) -> Double {
            Chart.frame.left + horizontal.position(of: value) * (inner - Chart.frame.left)
        }
        func up(_ value: Double) -> Double { bottom - vertical.position(of: value) * (bottom - Chart.frame.top) }

        var parts: [String] = []
        for tick in vertical.ticks {
            let place = Chart.number(up(tick))
            parts.append(#"<path class="grid" d="M\#(Chart.number(Chart.frame.left)) \#(place)H\#(inner)"/>"#)
            parts.append(
                #"<text class="tick end" x="\#(Chart.frame.left - 6)" y="\#(place)" dy="4">\#(Chart.label(tick))</text>"#
            )
        }
        for tick in horizontal.ticks {
            let place = Chart.number(across(tick))
            parts.append(#"<path class="grid" d="M\#(place) \#(Chart.frame.top)V\#(bottom)"/>"#)
            parts.append(
                #"<text class="tick middle" x="\#(place)" y="\#(bottom + 15)">\#(Chart.label(tick))</text>"#)
        }
        let middle = (Chart.frame.top + bottom) / 2
        parts.append(
            #"<text class="axis middle" x="\#((Chart.frame.left + inner) / 2)" y="\#(Chart.height - 6)">\#(x.title.escapedForHTML)</text>"#
        )
        parts.append(
            #"<text class="axis middle" transform="translate(12 \#(middle)) rotate(-90)">\#(y.title.escapedForHTML)</text>"#
        )
        let box =
            #"x="\#(Chart.frame.left)" y="\#(Chart.frame.top)" width="\#(inner - Chart.frame.left)" height="\#(bottom - Chart.frame.top)""#
        // A nested picture clips what is out of range, without a name that would have to be unique on the page.
        parts.append(
            #"<svg \#(box) viewBox="\#(Chart.frame.left) \#(Chart.frame.top) \#(inner - Chart.frame.left) \#(bottom - Chart.frame.top)">"#
        )
        for one in series { parts += drawn(one, across, up) }
        parts.append("</svg>")
        parts.append(#"<rect class="box" \#(box)/><path class="cursor" d=""/>"#)

        let caption = "<figcaption>\(title.escapedForHTML)</figcaption>"
        let picture =
            #"<svg viewBox="0 0 \#(Int(Chart.width)) \#(Int(Chart.height))" role="img" aria-label="\#(title.escapedForHTML)">"#
            + parts.joined(separator: "\n") + "</svg>"
        let explanation = note.isEmpty ? "" : #"<p class="note">\#(note.escapedForHTML)</p>"#
        return #"<figure class="chart">"# + caption + picture + legend + explanation + "</figure>"
    }

    private var legend: String {
        var seen: Set<String> = []
        let entries = series.filter { !$0.name.isEmpty && seen.insert($0.name).inserted }.map { one in
            let mark = one.kind == .points ? #"<i class="dot"></i>"# : "<i></i>"
            return #"<li class="\#(Chart.colorClass(one.color))">\#(mark)\#(one.name.escapedForHTML)</li>"#
        }
        return entries.isEmpty ? "" : #"<ul class="legend">"# + entries.joined() + "</ul>"
    }

    private func extent(_ series: Series) -> [Double] {
        series.spread.isEmpty
            ? series.y
            : zip(series.y, series.spread).flatMap { [$0 - $1, $0 + $1] }
    }

    private func drawn(_ series: Series, _ across: (Double) -> Double, _ up: (Double) -> Double) -> [String] {
        func isVisible(_ index: Int) -> Bool {
            series.x[index].isFinite && series.y[index].isFinite && (!x.isLogarithmic || series.x[index] > 0)
                && (!y.isLogarithmic || series.y[index] > 0)
        }
        let all = series.x.indices.filter(isVisible)
        let kept = series.kind == .points ? all : Chart.thinned(all) { across(series.x[$0]) }
        guard let last = kept.last else { return [] }
        func place(_ x: Double, _ y: Double) -> String { "\(Chart.number(across(x))),\(Chart.number(up(y)))" }
        let color = Chart.colorClass(series.color)
        let name = series.name.escapedForHTML
        if series.kind == .points {
            return kept.map { index in
                let (x, y) = (series.x[index], series.y[index])
                return
                    #"<circle class="dot \#(color)" cx="\#(Chart.number(across(x)))" cy="\#(Chart.number(up(y)))" r="2.8"><title>\#(name): \#(Chart.label(x)), \#(Chart.label(y))</title></circle>"#
            }
        }
        var parts: [String] = []
        if !series.spread.isEmpty {
            let top = kept.map { place(series.x[$0], series.y[$0] + series.spread[$0]) }
            let below = kept.reversed().map {
                let low = series.y[$0] - series.spread[$0]
                // What is not positive has no place on a logarithmic axis: the band goes down out of sight.
                return place(series.x[$0], y.isLogarithmic ? max(low, series.y[$0] * 1e-3) : low)
            }
            parts.append(#"<polygon class="band \#(color)" points="\#((top + below).joined(separator: " "))"/>"#)
        }
        let points = kept.map { place(series.x[$0], series.y[$0]) }.joined(separator: " ")
        let values = kept.map { index in
            let spread = series.spread.isEmpty ? "" : " \(Chart.label(series.spread[index]))"
            return "\(Chart.label(series.x[index])) \(Chart.label(series.y[index]))\(spread)"
        }.joined(separator: ";")
        let data = series.name.isEmpty ? "" : #" data-name="\#(name)" data-values="\#(values)""#
        let weight = series.isFaint ? " faint" : ""
        parts.append(
            #"<polyline class="line \#(color)\#(weight)" points="\#(points)"\#(data)><title>\#(name): \#(Chart.label(series.y[last]))</title></polyline>"#
        )
        return parts
    }

    /// The points of a line that are not adjacent to the one before, and the last.
    private static func thinned(_ all: [Int], _ across: (Int) -> Double) -> [Int] {
        let nearest = (width - frame.left - frame.right) / Double(pointLimit)
        var place = -Double.infinity
        return all.filter { index in
            guard abs(across(index) - place) >= nearest || index == all.last else { return false }
            place = across(index)
            return true
        }
    }

    /// The style of a color: twelve, then again with dashes.
    static func colorClass(_ color: Int) -> String { "k\(color % 12)" + (color % 24 >= 12 ? " dashed" : "") }

    /// A place in the picture.
    private static func number(_ value: Double) -> String { String(format: "%.1f", min(max(value, -9999), 9999)) }

    /// A value for people.
    static func label(_ value: Double) -> String {
        if value == 0 { return "0" }
        let isPlain = abs(value) >= 1e-3 && abs(value) < 1e5
        return String(format: isPlain ? "%.4g" : "%.3g", value)
    }
}

extension String {
    /// The text as the content of an element or attribute.
    ///
    /// Left out are control characters, and characters that reverse the order of what follows: they let a name show as
    /// another one (https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing).
    var escapedForHTML: String {
        var result = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\n", "\t": result.unicodeScalars.append(scalar)
            case ..<" ", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": break
            case "\u{61C}", "\u{200E}", "\u{200F}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}": break
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

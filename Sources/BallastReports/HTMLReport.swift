public import BallastCore
internal import BallastFiles
public import Foundation

/// A report of runs as one self-contained HTML page: no network access, no other file.
///
/// ```swift
/// var report = HTMLReport("Dropout or not")
/// report.sections.append(HTMLReport.Section("fashion-mnist", results: results))
/// try report.write(to: folder.appending(path: "dropout.html"))
/// ```
///
/// The same results give the same bytes, except for times, which are in elements of the class `time`.
public struct HTMLReport: Sendable {
    /// A table of text.
    public struct Table: Sendable {
        /// The title.
        public let title: String
        /// The rows; the first is the header.
        public let rows: [[String]]
        /// The columns that hold times, which differ from one run to the next.
        public let timeColumns: Set<Int>
        /// How the times were taken, a line below the table; empty for none.
        public let timing: String

        /// Creates a table.
        ///
        /// - Parameters:
        ///   - title: the title.
        ///   - rows: the rows; the first is the header.
        ///   - timeColumns: the columns that hold times, counted from 0.
        ///   - timing: how the times were taken, a line below the table; empty for none.
        public init(_ title: String, rows: [[String]], timeColumns: Set<Int> = [], timing: String = "") {
            self.title = title
            self.rows = rows
            self.timeColumns = timeColumns
            self.timing = timing
        }
    }

    /// An experiment on the page.
    public struct Section: Sendable {
        /// Its name, which the page's links use.
        public var heading: String
        /// What it is, in one line.
        public var summary: String
        /// What to look for in it.
        public var lookFor: String
        /// Which effects were observed, one line each.
        public var observations: [String]
        /// Data, sizes and seeds, one line each.
        public var facts: [String]
        /// The figures: curves first, then those of this experiment alone.
        public var figures: [any ReportFigure]
        /// The tables.
        public var tables: [Table]
        /// The plan of each composition.
        public var plans: [(name: String, plan: Plan)]

        /// Creates a section of figures and tables.
        ///
        /// - Parameters:
        ///   - heading: its name, which the page's links use.
        ///   - summary: what it is, in one line.
        ///   - lookFor: what to look for in it.
        ///   - observations: which effects were observed, one line each.
        ///   - facts: data, sizes and seeds, one line each.
        ///   - figures: the figures.
        ///   - tables: the tables.
        ///   - plans: the plan of each composition.
        public init(
            _ heading: String, summary: String = "", lookFor: String = "", observations: [String] = [],
            facts: [String] = [], figures: [any ReportFigure] = [], tables: [Table] = [],
            plans: [(name: String, plan: Plan)] = []
        ) {
            self.heading = heading
            self.summary = summary
            self.lookFor = lookFor
            self.observations = observations
            self.facts = facts
            self.figures = figures
            self.tables = tables
            self.plans = plans
        }
    }

    /// What the page is about.
    public var title: String
    /// The text below the title.
    public var introduction: String
    /// The experiments.
    public var sections: [Section] = []

    /// Creates a page without sections.
    ///
    /// - Parameters:
    ///   - title: what the page is about.
    ///   - introduction: the text below the title.
    public init(_ title: String, introduction: String = "") {
        self.title = title
        self.introduction = introduction
    }

    /// Writes the page; replaces an existing file, and creates the folder if needed.
    ///
    /// - Throws: an error that names the file if it cannot be written.
    public func write(to url: URL) throws {
        let folder = url.deletingLastPathComponent()
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw DataError("\(folder.path): the folder of the page cannot be created: \(error.localizedDescription)")
        }
        try AtomicFile.write(to: url) { try $0.write(Array(html.utf8)) }
    }

    /// The page.
    public var html: String {
        let anchored = zip(anchors, sections)
        let links = anchored.map { anchor, section in
            ##"<a href="#\##(anchor)">\##(section.heading.escapedForHTML)</a>"##
        }
        let navigation = sections.count > 1 ? "<nav>\(links.joined(separator: "\n"))</nav>" : ""
        let lead = introduction.isEmpty ? "" : "<p>\(introduction.escapedForHTML)</p>"
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"/>
            <title>\(title.escapedForHTML)</title>
            <style>\(HTMLReport.style)</style></head>
            <body><header><h1>\(title.escapedForHTML)</h1>\(lead)\(navigation)</header>
            <main>\(anchored.map { HTMLReport.html(of: $1, anchor: $0) }.joined(separator: "\n"))</main>
            <script>\(HTMLReport.script)</script></body></html>

            """
    }

    private static func html(of section: Section, anchor: String) -> String {
        var parts = ["<h2>\(section.heading.escapedForHTML)</h2>"]
        if !section.summary.isEmpty { parts.append("<p>\(section.summary.escapedForHTML)</p>") }
        if !section.lookFor.isEmpty || !section.observations.isEmpty { parts.append(look(of: section)) }
        if !section.figures.isEmpty {
            parts.append(#"<div class="figures">\#(section.figures.map(\.html).joined(separator: "\n"))</div>"#)
        }
        parts += section.tables.map(html)
        parts += section.facts.map { #"<p class="note">\#($0.escapedForHTML)</p>"# }
        if !section.plans.isEmpty {
            let plans = section.plans.map { name, plan in
                "<h3>\(name.escapedForHTML)</h3><pre>\(plan.description.escapedForHTML)</pre>"
            }
            parts.append("<details><summary>The plan: what runs, at each hook, in order</summary>")
            parts.append(plans.joined(separator: "\n") + "</details>")
        }
        return #"<section id="\#(anchor)">"# + parts.joined(separator: "\n") + "</section>"
    }

    /// What to look for, and which effects were observed.
    private static func look(of section: Section) -> String {
        let text = section.lookFor.isEmpty ? "" : "<p><b>What to look for.</b> \(section.lookFor.escapedForHTML)</p>"
        let items = section.observations.map { "<li>\($0.escapedForHTML)</li>" }.joined()
        return #"<div class="look">"# + text + (items.isEmpty ? "" : "<ul>\(items)</ul>") + "</div>"
    }

    private static func html(of table: Table) -> String {
        // Columns of sentences break their lines; the first, of names, does not.
        let long = Set(
            table.rows.dropFirst().flatMap { cells in cells.indices.dropFirst().filter { cells[$0].count > 24 } })
        let lines = table.rows.enumerated().map { row, cells in
            let cells = cells.enumerated().map { column, cell in
                let isTime = table.timeColumns.contains(column)
                let tag = row == 0 || column == 0 ? "th" : "td"
                let style = isTime ? (row == 0 ? "" : "time") : long.contains(column) ? "long" : ""
                let mark = style.isEmpty ? "" : #" class="\#(style)""#
                return "<\(tag)\(mark)>\(cell.escapedForHTML)</\(tag)>"
            }
            return "<tr>\(cells.joined())</tr>"
        }
        return #"<div class="wide"><table><caption>\#(table.title.escapedForHTML)</caption>"#
            + lines.joined(separator: "\n") + "</table></div>"
            + (table.timing.isEmpty ? "" : #"<p class="time note">\#(table.timing.escapedForHTML)</p>"#)
    }

    /// The sections' identifiers: their headings in small letters, numbered where they repeat.
    private var anchors: [String] {
        var taken: Set<String> = []
        return sections.map { section in
            let plain = String(
                section.heading.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
            var (anchor, number) = (plain, 1)
            while !taken.insert(anchor).inserted {
                number += 1
                anchor = "\(plain)-\(number)"
            }
            return anchor
        }
    }
}

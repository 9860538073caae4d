internal import BallastFiles
public import Foundation

/// A table of numbers in a text file, with at most one column of labels.
///
/// Fields may be quoted (`"a, ""b"""`), lines end in LF, CRLF or CR, empty lines are skipped, spaces around a field
/// are ignored. Every column but the label's must be numeric.
///
/// ```swift
/// let table = try CSVFile(contentsOf: url, label: .named("species"))
/// print(table.columns)  // ["sepal", "petal"]
/// print(table.classes)  // ["setosa", "virginica"]
/// print(table.labels ?? [])  // [0, 0, 1]
/// ```
///
/// - Source: RFC 4180, with a delimiter of choice.
public struct CSVFile: Sendable, Hashable {
    /// Which column holds the labels.
    public enum LabelColumn: Sendable, Hashable {
        /// The column with this name in the header.
        case named(String)
        /// The column at this position, from 0; negative positions count from the end, so that -1 is the last.
        case at(Int)
    }

    /// The names of the numeric columns, in the order of the file; "column 1", ... where there is no header.
    public let columns: [String]
    /// The number of rows, the header not counted.
    public let rowCount: Int
    /// The numbers, row by row: `rowCount` times `columns.count`.
    public let values: [Float]
    /// The class of each row, as a position in `classes`; nil if no label column was requested.
    public let labels: [Int32]?
    /// The distinct labels, sorted: as numbers where all are integers, by their bytes otherwise.
    ///
    /// Labels of different bytes are different, even if Unicode considers them equal.
    public let classes: [String]

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - url: The file, in UTF-8.
    ///   - hasHeader: Whether the first line holds the names of the columns.
    ///   - delimiter: What separates fields: one ASCII character.
    ///   - label: The column of labels, which may be any text; nil if there is none.
    ///   - allowsNonFinite: Whether `nan` and `inf` are accepted as numbers.
    /// - Throws: `DataFileError` that names line, column and text of what is wrong: a field that is not a number,
    ///   a row with more or fewer fields than the first, a quote without end, a label column that does not exist,
    ///   a file without rows.
    public init(
        contentsOf url: URL, hasHeader: Bool = true, delimiter: Character = ",", label: LabelColumn? = nil,
        allowsNonFinite: Bool = false
    ) throws {
        try self.init(
            bytes: ReadableFile.contents(of: url), file: url.path, hasHeader: hasHeader, delimiter: delimiter,
            label: label, allowsNonFinite: allowsNonFinite)
    }

    package init(
        bytes: [UInt8], file: String, hasHeader: Bool = true, delimiter: Character = ",", label: LabelColumn? = nil,
        allowsNonFinite: Bool = false
    ) throws {
        var scanner = try CSVScanner(bytes, delimiter: delimiter, file: file)
        guard try scanner.nextRecord() else {
            throw DataFileError(
                .malformed, in: file, "the file is empty", suggestion: "Pass a file with rows of numbers.")
        }
        let width = scanner.fields.count
        let names = hasHeader ? scanner.fields.map { scanner.text($0) } : (1...width).map { "column \($0)" }
        let labelIndex = try label.map { try Self.position(of: $0, among: names, hasHeader: hasHeader, file: file) }

        var values: [Float] = []
        var labelTexts: [String] = []
        var labelNumbers: [ExactText: Int32] = [:]
        var rowLabels: [Int32] = []
        var rows = 0
        var hasRecord = hasHeader ? try scanner.nextRecord() : true
        while hasRecord {
            guard scanner.fields.count == width else {
                throw DataFileError(
                    .malformed, in: file, at: "line \(scanner.recordLine)",
                    "\(scanner.fields.count) fields, where the first line has \(width)",
                    suggestion: "Give every line as many fields as the first; quote fields that contain the delimiter.")
            }
            for (index, field) in scanner.fields.enumerated() {
                if index == labelIndex {
                    let text = ExactText(scanner.text(field))
                    let number = labelNumbers[text] ?? Int32(labelTexts.count)
                    if number == labelTexts.count {
                        labelNumbers[text] = number
                        labelTexts.append(text.text)
                    }
                    rowLabels.append(number)
                } else if let value = scanner.number(field), value.isFinite || allowsNonFinite {
                    values.append(value)
                } else {
                    throw Self.notANumber(
                        scanner.text(field),
                        "line \(scanner.recordLine), column \(index + 1) (\"\(names[index].abbreviated)\")",
                        isNumber: scanner.number(field) != nil, mayBeHeader: !hasHeader && rows == 0, file)
                }
            }
            rows += 1
            hasRecord = try scanner.nextRecord()
        }
        guard rows > 0 else {
            throw DataFileError(
                .malformed, in: file, "the file has a header but no rows",
                suggestion: "Pass hasHeader: false if the first line is data.")
        }
        columns = names.enumerated().filter { $0.offset != labelIndex }.map(\.element)
        rowCount = rows
        self.values = values
        guard labelIndex != nil else {
            classes = []
            labels = nil
            return
        }
        let order = Self.sortedClasses(labelTexts)
        var position = [Int32](repeating: 0, count: order.count)
        for (sorted, index) in order.enumerated() { position[index] = Int32(sorted) }
        classes = order.map { labelTexts[$0] }
        labels = rowLabels.map { position[Int($0)] }
    }

    private static func position(
        of label: LabelColumn, among names: [String], hasHeader: Bool, file: String
    ) throws -> Int {
        let problem: String
        switch label {
        case .named(let name):
            let matches = names.indices.filter { ExactText(names[$0]) == ExactText(name) }
            if let match = matches.first, matches.count == 1, hasHeader { return match }
            problem =
                matches.isEmpty || !hasHeader
                ? "there is no column named \"\(name.abbreviated)\" for the labels"
                : "several columns are named \"\(name.abbreviated)\""
        case .at(let position):
            let index = position < 0 ? names.count + max(position, -names.count - 1) : position
            if names.indices.contains(index) { return index }
            problem = "there is no column at position \(position) for the labels"
        }
        let list = names.prefix(20).map { "\"\($0.abbreviated)\"" }.joined(separator: ", ")
        throw DataFileError(
            .malformed, in: file, at: "line 1", problem,
            suggestion: hasHeader
                ? "The columns are \(list)\(names.count > 20 ? ", ..." : "")."
                : "Without a header, pass .at(0) to .at(\(names.count - 1)), or .at(-1).")
    }

    private static func notANumber(
        _ text: String, _ place: String, isNumber: Bool, mayBeHeader: Bool, _ file: String
    ) -> DataFileError {
        let shown = text.abbreviated
        if isNumber {
            return DataFileError(
                .outOfRange, in: file, at: place, "\"\(shown)\" is not a finite Float",
                suggestion: "Correct the field, or pass allowsNonFinite: true.")
        }
        let suggestion =
            if mayBeHeader {
                "Pass hasHeader: true if the first line holds names, and label: if this is the column of labels."
            } else if text.isEmpty {
                "Fill in the missing value or remove the row."
            } else if text.contains(",") {
                "Write decimals with a point, or pass another delimiter."
            } else {
                "Correct the field, or pass label: if this is the column of labels."
            }
        return DataFileError(
            .malformed, in: file, at: place, text.isEmpty ? "the field is empty" : "\"\(shown)\" is not a number",
            suggestion: suggestion)
    }

    /// The positions of the distinct labels, sorted: as numbers where all are integers, as text otherwise.
    private static func sortedClasses(_ texts: [String]) -> [Int] {
        let numbers = texts.compactMap { Int($0) }
        return texts.indices.sorted { first, second in
            if numbers.count == texts.count, numbers[first] != numbers[second] {
                return numbers[first] < numbers[second]
            }
            return ExactText.precedes(texts[first], texts[second])
        }
    }
}

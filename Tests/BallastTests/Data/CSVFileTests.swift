import Ballast
import Foundation
import Testing

@Suite struct CSVFileTests {
    private func parse(
        _ text: String, hasHeader: Bool = true, delimiter: Character = ",", label: CSVFile.LabelColumn? = nil,
        allowsNonFinite: Bool = false
    ) throws -> CSVFile {
        try CSVFile(
            bytes: Array(text.utf8), file: "t.csv", hasHeader: hasHeader, delimiter: delimiter, label: label,
            allowsNonFinite: allowsNonFinite)
    }

    private func message(_ text: String, hasHeader: Bool = true, label: CSVFile.LabelColumn? = nil) -> String? {
        dataFileError { try parse(text, hasHeader: hasHeader, label: label) }?.description
    }

    @Test(arguments: ["\n", "\r\n", "\r"])
    func `columns, numbers and sorted classes are read`(newline: String) throws {
        let lines = ["sepal,species,petal", "5.1,virginica,-1e-3", "", "  4 , setosa ,\"2.5\"", "0,virginica,+7"]
        for end in ["", newline] {
            let table = try parse(lines.joined(separator: newline) + end, label: .named("species"))
            #expect(table.columns == ["sepal", "petal"])
            #expect(table.rowCount == 3)
            #expect(table.values == [5.1, -1e-3, 4, 2.5, 0, 7])
            #expect(table.classes == ["setosa", "virginica"])
            #expect(table.labels == [1, 0, 1])
        }
    }

    @Test func `quoted fields hold delimiters, quotes and line ends`() throws {
        let table = try parse(
            "\u{FEFF}\"a \"\"b\"\", c\";label\n1;\"x\ny\"\n2;\"x;\"\n", delimiter: ";", label: .at(-1))
        #expect(table.columns == ["a \"b\", c"])
        #expect(table.classes == ["x\ny", "x;"])
        #expect(table.values == [1, 2])
    }

    @Test func `without a header and without labels all columns are numbers`() throws {
        let table = try parse("1\t2\n3\t4", hasHeader: false, delimiter: "\t")
        #expect(table.columns == ["column 1", "column 2"])
        #expect(table.values == [1, 2, 3, 4])
        #expect(table.labels == nil && table.classes.isEmpty)
    }

    @Test func `integer labels are sorted as numbers`() throws {
        let table = try parse("10,1\n9,1\n-1,1\n", hasHeader: false, label: .at(0))
        #expect(table.classes == ["-1", "9", "10"])
        #expect(table.labels == [2, 1, 0])
    }

    @Test func `numbers are rounded to nearest as by the standard library`() throws {
        let texts =
            [
                "0.1", "-0", "16777216", "16777217", "1.17549435e-38", "3.4028235e38", "0.30000001192092896",
                "00012.50",
                ".5", "5.", "1677721.6", "123456.789", "0.0000000001", "0.00000000001", "1e-50",
            ] + (1..<3000).map { "\($0 * 7919 % 100_003 + $0 * $0).\($0 * 31 % 997_000 + 1)" }
        let table = try parse(texts.joined(separator: "\n"), hasHeader: false)
        #expect(table.values.map(\.bitPattern) == texts.compactMap { Float($0)?.bitPattern })
    }

    @Test func `a wrong field is named by line, column and text`() {
        #expect(
            message("a,b\n1,2\n\n3,wide\n")
                == "t.csv, line 4, column 2 (\"b\"): \"wide\" is not a number. "
                + "Correct the field, or pass label: if this is the column of labels.")
        #expect(message("a,b\n1,\n")?.hasPrefix("t.csv, line 2, column 2 (\"b\"): the field is empty.") == true)
        #expect(message("a;b\n1,5;2\n")?.contains("Write decimals with a point") == false)
        #expect(message("a\n\"1,5\"\n")?.contains("Write decimals with a point") == true)
        #expect(message("a,b\n1,2\n", hasHeader: false)?.contains("Pass hasHeader: true") == true)
        #expect(message("a\n\"x\ny\"\n1\n")?.hasPrefix("t.csv, line 2,") == true)
    }

    @Test func `a ragged row is refused`() {
        #expect(message("a,b\n1,2\n3\n")?.hasPrefix("t.csv, line 3: 1 fields, where the first line has 2.") == true)
        #expect(message("a,b\n1,2,\n")?.hasPrefix("t.csv, line 2: 3 fields, where the first line has 2.") == true)
    }

    @Test(arguments: ["nan", "inf", "-Infinity", "1e39"])
    func `numbers that are not finite are refused unless allowed`(text: String) throws {
        #expect(message("a\n\(text)\n")?.contains("\"\(text)\" is not a finite Float") == true)
        #expect(try parse("a\n\(text)\n", allowsNonFinite: true).values.first?.isFinite == false)
    }

    @Test func `empty files and headers without rows are refused`() {
        #expect(message("") == "t.csv: the file is empty. Pass a file with rows of numbers.")
        #expect(message("\n\r\n")?.contains("the file is empty") == true)
        #expect(message("a,b\n")?.contains("a header but no rows") == true)
    }

    @Test func `quotes out of place are refused`() {
        #expect(message("a\n\"1\n2\n")?.hasPrefix("t.csv, line 2, column 1: a quoted field has no end.") == true)
        #expect(message("a\n1\"2\n")?.contains("a quote inside a field") == true)
        #expect(message("a\n\"1\"2\n")?.contains("text follows the closing quote") == true)
    }

    @Test func `a label column that does not exist is answered with the columns`() {
        #expect(message("a,b\n1,2\n", label: .named("c"))?.hasSuffix("The columns are \"a\", \"b\".") == true)
        #expect(message("a,a\n1,2\n", label: .named("a"))?.contains("several columns are named \"a\"") == true)
        #expect(message("a,b\n1,2\n", label: .at(2))?.contains("no column at position 2") == true)
        #expect(message("a,b\n1,2\n", label: .at(-3))?.contains("no column at position -3") == true)
        #expect(message("a,b\n1,2\n", label: .at(.min))?.contains("no column at position") == true)
        #expect(message("1,2\n", hasHeader: false, label: .named("column 1"))?.contains("no column named") == true)
    }

    @Test func `delimiters that cannot separate and texts in UTF-16 are refused`() {
        #expect(dataFileError { try parse("a\n1", delimiter: "\"") }?.kind == .unsupported)
        #expect(dataFileError { try parse("a\n1", delimiter: "·") }?.kind == .unsupported)
        let error = dataFileError { try CSVFile(bytes: [0xFF, 0xFE, 0x61, 0], file: "f") }
        #expect(error?.suggestion == "Save it in UTF-8.")
    }
}

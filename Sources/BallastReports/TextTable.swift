/// Rows of cells in columns: the first column to the left, others to the right, the last as it comes.
package struct TextTable: CustomStringConvertible {
    private let rows: [[String]]

    package init(_ rows: [[String]]) { self.rows = rows }

    package var description: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                if column == 0 { return cell + padding }
                return column == columns - 1 ? cell : padding + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

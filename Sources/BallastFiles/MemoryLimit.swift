/// How much memory the content of a compressed file may take.
///
/// A small file can announce a large content: deflate shrinks zeros to a thousandth. The limit is compared with what
/// headers announce, before memory is taken.
package struct MemoryLimit: Sendable {
    /// In bytes.
    package let bytes: Int

    /// The limit that the caller sets, or 64 MiB and three times the size of the file.
    package init(_ maximumBytes: Int?, fileBytes: Int) {
        bytes = maximumBytes ?? (64 << 20 + 3 * fileBytes)
    }

    /// Checks what reading takes: the decompressed content, and the elements where they are a copy.
    ///
    /// - Throws: `DataFileError` of kind `oversized`, which names the limit that would do.
    package func check(content: Int, elements: Int = 0, file: String) throws {
        let (sum, overflow) = content.addingReportingOverflow(elements)
        let needed = overflow ? Int.max : sum
        guard needed <= bytes else {
            throw DataFileError(
                .oversized, in: file, "reading it takes \(needed) bytes of memory, the limit is \(bytes)",
                suggestion: "If the file is meant to be this large, pass maximumBytes: \(needed) or more.")
        }
    }
}

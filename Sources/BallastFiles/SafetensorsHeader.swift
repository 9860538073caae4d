/// The header of a safetensors file: parsed and checked, or encoded.
struct SafetensorsHeader {
    /// The largest header that the format allows, in bytes.
    static let maximumBytes = 100_000_000

    var entries: [SafetensorsFile.Entry]
    /// The metadata, without the entry that holds the checksums.
    var metadata: [String: String]
    /// The checksums; nil if the file carries none.
    var checksums: SafetensorsChecksums?

    init(entries: [SafetensorsFile.Entry], metadata: [String: String], checksums: SafetensorsChecksums) {
        self.entries = entries
        self.metadata = metadata
        self.checksums = checksums
    }

    /// Parses and checks a header, its checksum included.
    ///
    /// - Parameter dataBytes: The number of bytes that follow the header in the file.
    init(parsing bytes: [UInt8], dataBytes: Int, file: String) throws {
        var scanner = JSONScanner(bytes, file: file)
        var entries: [SafetensorsFile.Entry] = []
        var metadata: Metadata?
        var names: Set<ExactText> = []
        try scanner.object { scanner, name in
            if name == "__metadata__" {
                guard metadata == nil else { throw scanner.malformed("__metadata__ comes twice") }
                metadata = try Metadata(&scanner)
            } else {
                guard names.insert(name).inserted else {
                    throw scanner.malformed("two tensors are named \"\(name.text.abbreviated)\"")
                }
                entries.append(try Self.entry(name.text, &scanner, file))
            }
        }
        try scanner.expectEnd()
        try Self.checkCover(entries, dataBytes, file)
        self.entries = entries
        self.metadata = metadata?.entries ?? [:]
        guard let metadata, let checksums = metadata.checksums else { return }
        try Self.check(checksums, metadata.headerDigits, bytes, tensors: entries.count, file)
        self.checksums = checksums
    }

    private static func check(
        _ checksums: SafetensorsChecksums, _ digits: Range<Int>, _ bytes: [UInt8], tensors: Int, _ file: String
    ) throws {
        let found = SafetensorsChecksums.checksum(ofHeader: bytes, digits: digits)
        guard found == checksums.header, checksums.tensors.count == tensors else {
            throw DataFileError(
                .checksum, in: file, at: "header",
                found == checksums.header
                    ? "it has \(checksums.tensors.count) checksums for \(tensors) tensors"
                    : "its checksum is \(SafetensorsChecksums.hexadecimal(found)), the file says \(SafetensorsChecksums.hexadecimal(checksums.header))",
                suggestion: "The file is damaged: use a previous version of it. If another program changed it, remove "
                    + "\(SafetensorsChecksums.key) from its metadata.")
        }
    }

    /// What `__metadata__` holds.
    private struct Metadata {
        var entries: [String: String] = [:]
        var checksums: SafetensorsChecksums?
        /// The range of the digits of the header's checksum.
        var headerDigits = 0..<0

        init(_ scanner: inout JSONScanner) throws {
            try scanner.object { scanner, key in
                let shown = key.text.abbreviated
                guard key.text.isCheapKey else {
                    throw scanner.malformed(
                        "a key of __metadata__ is longer than \(String.maximumKeyBytes) bytes: \"\(shown)\"")
                }
                let value = try scanner.string()
                if SafetensorsChecksums.isEntry(key.text, value) {
                    let digits = SafetensorsChecksums.headerDigits(inValueAt: scanner.stringRange.lowerBound)
                    guard checksums == nil, key == ExactText(SafetensorsChecksums.key),
                        scanner.stringRange.count == value.utf8.count, let parsed = SafetensorsChecksums(value)
                    else { throw scanner.malformed("the checksums are damaged, or come twice") }
                    checksums = parsed
                    headerDigits = digits
                } else {
                    guard entries.updateValue(value, forKey: key.text) == nil else {
                        throw scanner.malformed("the key \"\(shown)\" of __metadata__ comes twice")
                    }
                }
            }
        }
    }

    private static func entry(
        _ name: String, _ scanner: inout JSONScanner, _ file: String
    ) throws -> SafetensorsFile.Entry {
        let shown = name.abbreviated
        var typeName: String?
        var shape: [Int]?
        var offsets: [Int]?
        try scanner.object { scanner, key in
            switch key {
            case "dtype" where typeName == nil: typeName = try scanner.string()
            case "shape" where shape == nil: shape = try scanner.integers()
            case "data_offsets" where offsets == nil: offsets = try scanner.integers()
            default:
                throw scanner.malformed(
                    "the key \"\(key.text.abbreviated)\" of tensor \"\(shown)\" is unknown or comes twice")
            }
        }
        guard let typeName, let shape, let offsets, offsets.count == 2 else {
            throw scanner.malformed("tensor \"\(shown)\" needs dtype, shape and two data_offsets")
        }
        guard
            let type = SafetensorsFile.ElementType.allCases.first(where: {
                ExactText($0.rawValue) == ExactText(typeName)
            })
        else {
            throw DataFileError(
                .unsupported, in: file, at: "tensor \"\(shown)\"",
                "the element type \"\(typeName.abbreviated)\" is unknown",
                suggestion: "Known are \(SafetensorsFile.ElementType.allCases.map(\.rawValue).joined(separator: ", "))."
            )
        }
        guard let bytes = (shape + [type.width]).checkedProduct, offsets[0] <= offsets[1],
            offsets[1] - offsets[0] == bytes
        else {
            throw DataFileError(
                .malformed, in: file, at: "tensor \"\(shown)\"",
                "its offsets \(offsets) do not agree with the shape \("\(shape)".abbreviated) of \(typeName)",
                suggestion: "The header is damaged: use a previous version of the file.")
        }
        return SafetensorsFile.Entry(name: name, type: type, shape: shape, range: offsets[0]..<offsets[1])
    }

    /// Checks that the tensors cover the data from its first byte to its last, each byte once.
    private static func checkCover(_ entries: [SafetensorsFile.Entry], _ dataBytes: Int, _ file: String) throws {
        var end = 0
        let ordered = entries.sorted {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        for entry in ordered {
            guard entry.range.lowerBound == end else {
                throw DataFileError(
                    .malformed, in: file, at: "tensor \"\(entry.name.abbreviated)\"",
                    "it starts at byte \(entry.range.lowerBound) of the data, the tensor before ends at \(end)",
                    suggestion: "The header is damaged: use a previous version of the file.")
            }
            end = entry.range.upperBound
        }
        guard end == dataBytes else {
            throw DataFileError(
                end > dataBytes ? .truncated : .oversized, in: file,
                "the tensors take \(end) bytes, the file has \(dataBytes) for them",
                suggestion: "The file was cut off or data was appended: use its previous version or write it again.")
        }
    }

    /// The bytes before the data: the length and the JSON, padded with spaces to a multiple of 8 bytes.
    ///
    /// The metadata comes first, by key after the checksums; the tensors follow in their order: the same content gives
    /// the same bytes. The checksum of the header is computed here.
    var encoded: [UInt8] {
        var json: [UInt8] = []
        func member(_ name: String, _ value: String) {
            json += "\(json.last == UInt8(ascii: "{") ? "" : ",")\(name.quotedAsJSON):\(value)".utf8
        }
        json += "{".utf8
        member("__metadata__", "{")
        var digits = 0..<0
        if var checksums {
            checksums.header = 0
            member(SafetensorsChecksums.key, checksums.text.quotedAsJSON)
            let start = json.count - checksums.text.utf8.count - 1
            digits = SafetensorsChecksums.headerDigits(inValueAt: start)
        }
        for (key, value) in metadata.sorted(by: { ExactText.precedes($0.key, $1.key) }) {
            member(key, value.quotedAsJSON)
        }
        json += "}".utf8
        for entry in entries {
            let shape = entry.shape.map(String.init).joined(separator: ",")
            member(
                entry.name,
                "{\"dtype\":\"\(entry.type.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(entry.range.lowerBound),\(entry.range.upperBound)]}")
        }
        json += "}".utf8
        json += [UInt8](repeating: 0x20, count: (8 - json.count % 8) % 8)
        if !digits.isEmpty {
            let checksum = SafetensorsChecksums.checksum(ofHeader: json, digits: digits)
            json.replaceSubrange(digits, with: SafetensorsChecksums.hexadecimal(checksum).utf8)
        }
        return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
    }
}

/// The header of a safetensors file: parsed and checked, or encoded.
struct SafetensorsHeader {
    /// The largest header that the format allows, in bytes.
    static let maximumBytes = 100_000_000

    var entries: [SafetensorsFile.Entry]
    var metadata: [String: String]

    init(entries: [SafetensorsFile.Entry], metadata: [String: String]) {
        self.entries = entries
        self.metadata = metadata
    }

    /// Parses and checks a header.
    ///
    /// - Parameter dataBytes: The number of bytes that follow the header in the file.
    init(parsing bytes: [UInt8], dataBytes: Int, file: String) throws {
        var scanner = JSONScanner(bytes, file: file)
        var entries: [SafetensorsFile.Entry] = []
        var metadata: [String: String]?
        var names: Set<String> = []
        try scanner.object { scanner, name in
            if name == "__metadata__" {
                guard metadata == nil else { throw scanner.malformed("__metadata__ comes twice") }
                metadata = try Self.metadata(&scanner)
            } else {
                guard names.insert(name).inserted else { throw scanner.malformed("two tensors are named \"\(name)\"") }
                entries.append(try Self.entry(name, &scanner, file))
            }
        }
        try scanner.expectEnd()
        try Self.checkCover(entries, dataBytes, file)
        self.entries = entries
        self.metadata = metadata ?? [:]
    }

    private static func metadata(_ scanner: inout JSONScanner) throws -> [String: String] {
        var metadata: [String: String] = [:]
        try scanner.object { scanner, key in
            guard metadata.updateValue(try scanner.string(), forKey: key) == nil else {
                throw scanner.malformed("the key \"\(key)\" of __metadata__ comes twice")
            }
        }
        return metadata
    }

    private static func entry(
        _ name: String, _ scanner: inout JSONScanner, _ file: String
    ) throws -> SafetensorsFile.Entry {
        var typeName: String?
        var shape: [Int]?
        var offsets: [Int]?
        try scanner.object { scanner, key in
            switch key {
            case "dtype" where typeName == nil: typeName = try scanner.string()
            case "shape" where shape == nil: shape = try scanner.integers()
            case "data_offsets" where offsets == nil: offsets = try scanner.integers()
            default: throw scanner.malformed("the key \"\(key)\" of tensor \"\(name)\" is unknown or comes twice")
            }
        }
        guard let typeName, let shape, let offsets, offsets.count == 2 else {
            throw scanner.malformed("tensor \"\(name)\" needs dtype, shape and two data_offsets")
        }
        guard let type = SafetensorsFile.ElementType(rawValue: typeName) else {
            throw DataFileError(
                .unsupported, in: file, at: "tensor \"\(name)\"", "the element type \"\(typeName)\" is unknown",
                cure: "Known are \(SafetensorsFile.ElementType.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        guard let bytes = (shape + [type.width]).checkedProduct, offsets[0] <= offsets[1],
            offsets[1] - offsets[0] == bytes
        else {
            throw DataFileError(
                .malformed, in: file, at: "tensor \"\(name)\"",
                "its offsets \(offsets) do not agree with the shape \(shape) of \(typeName)",
                cure: "The header is damaged: use a previous version of the file.")
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
                    .malformed, in: file, at: "tensor \"\(entry.name)\"",
                    "it starts at byte \(entry.range.lowerBound) of the data, the tensor before ends at \(end)",
                    cure: "The header is damaged: use a previous version of the file.")
            }
            end = entry.range.upperBound
        }
        guard end == dataBytes else {
            throw DataFileError(
                end > dataBytes ? .truncated : .oversized, in: file,
                "the tensors take \(end) bytes, the file has \(dataBytes) for them",
                cure: "The file was cut off or data was appended: use its previous version or write it again.")
        }
    }

    /// The bytes in front of the data: the length and the JSON, padded with spaces to a multiple of 8 bytes.
    ///
    /// The metadata comes first, by key; the tensors follow in their order: the same content gives the same bytes.
    var encoded: [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            members.append(
                "\"__metadata__\":{" + pairs.map { "\(Self.quoted($0)):\(Self.quoted($1))" }.joined(separator: ",")
                    + "}")
        }
        for entry in entries {
            let shape = entry.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(Self.quoted(entry.name)):{\"dtype\":\"\(entry.type.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(entry.range.lowerBound),\(entry.range.upperBound)]}")
        }
        var json = Array("{\(members.joined(separator: ","))}".utf8)
        json += [UInt8](repeating: 0x20, count: (8 - json.count % 8) % 8)
        return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

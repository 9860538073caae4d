/// The elements of an array read from a file, in row-major order, in the narrowest of three element types.
public enum StoredElements: Sendable, Hashable {
    /// Unsigned bytes: pixels, and booleans as 0 and 1.
    case bytes([UInt8])
    /// 32-bit floating-point numbers (64-bit ones are rounded to nearest).
    case floats([Float])
    /// 32-bit integers: labels, tokens and all integer types but the unsigned byte.
    case integers([Int32])

    /// The number of elements.
    public var count: Int {
        switch self {
        case .bytes(let elements): elements.count
        case .floats(let elements): elements.count
        case .integers(let elements): elements.count
        }
    }

    /// The elements gathered in the order of `source`: element i of the result is element `source[i]` of this one.
    package func gathered(_ source: [Int]) -> StoredElements {
        switch self {
        case .bytes(let elements): .bytes(source.map { elements[$0] })
        case .floats(let elements): .floats(source.map { elements[$0] })
        case .integers(let elements): .integers(source.map { elements[$0] })
        }
    }
}

extension Sequence<Int> {
    /// The product, or nil where it (or a partial product) does not fit `Int` or a factor is negative.
    package var checkedProduct: Int? {
        var product = 1
        for factor in self {
            let (next, overflow) = product.multipliedReportingOverflow(by: factor)
            guard factor >= 0, !overflow else { return nil }
            product = next
        }
        return product
    }
}

/// How a file stores one element: its kind, its width in bytes and its byte order.
package struct ElementEncoding: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case unsigned
        case signed
        case float
        case boolean
    }

    package let kind: Kind
    /// Bytes per element: 1, 2, 4 or 8.
    package let width: Int
    package let isBigEndian: Bool

    package init(_ kind: Kind, width: Int, isBigEndian: Bool) {
        self.kind = kind
        self.width = width
        self.isBigEndian = isBigEndian
    }

    /// Decodes every whole element of `bytes`.
    ///
    /// - Throws: `DataFileError` that names the value and the index of the first element that does not fit the
    ///   result: an integer beyond `Int32`, a finite 64-bit number beyond `Float`.
    package func decode(_ bytes: UnsafeRawBufferPointer, file: String) throws -> StoredElements {
        let count = bytes.count / width
        switch (kind, width) {
        case (.unsigned, 1):
            return .bytes(Array(bytes))
        case (.boolean, _):
            return .bytes(bytes.map { $0 == 0 ? 0 : 1 })
        case (.float, 4):
            return .floats(words(bytes, count, UInt32.self) { Float(bitPattern: $0) })
        case (.float, _):
            return .floats(
                try words(bytes, count, UInt64.self) { index, word in
                    let value = Double(bitPattern: word)
                    let rounded = Float(value)
                    guard rounded.isFinite || !value.isFinite else { throw unfit(value, index, "Float", file) }
                    return rounded
                })
        case (.signed, 1):
            return .integers(bytes.map { Int32(Int8(bitPattern: $0)) })
        case (.signed, 2):
            return .integers(words(bytes, count, UInt16.self) { Int32(Int16(bitPattern: $0)) })
        case (.signed, 4):
            return .integers(words(bytes, count, UInt32.self) { Int32(bitPattern: $0) })
        case (.signed, _):
            return .integers(
                try words(bytes, count, UInt64.self) { try narrow(Int64(bitPattern: $1), at: $0, file) })
        case (.unsigned, 2):
            return .integers(words(bytes, count, UInt16.self) { Int32($0) })
        case (.unsigned, 4):
            return .integers(try words(bytes, count, UInt32.self) { try narrow($1, at: $0, file) })
        case (.unsigned, _):
            return .integers(try words(bytes, count, UInt64.self) { try narrow($1, at: $0, file) })
        }
    }

    private func words<Word: FixedWidthInteger, Element>(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, _: Word.Type, _ element: (Word) -> Element
    ) -> [Element] {
        [Element](unsafeUninitializedCapacity: count) { result, initialized in
            for index in 0..<count {
                let word = bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Word>.size, as: Word.self)
                result.initializeElement(
                    at: index, to: element(isBigEndian ? Word(bigEndian: word) : Word(littleEndian: word)))
            }
            initialized = count
        }
    }

    private func words<Word: FixedWidthInteger, Element>(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, _: Word.Type, _ element: (Int, Word) throws -> Element
    ) rethrows -> [Element] {
        var result: [Element] = []
        result.reserveCapacity(count)
        for index in 0..<count {
            let word = bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Word>.size, as: Word.self)
            result.append(try element(index, isBigEndian ? Word(bigEndian: word) : Word(littleEndian: word)))
        }
        return result
    }

    private func narrow(_ value: some BinaryInteger, at index: Int, _ file: String) throws -> Int32 {
        guard let narrowed = Int32(exactly: value) else { throw unfit(value, index, "Int32", file) }
        return narrowed
    }

    private func unfit(_ value: some CustomStringConvertible, _ index: Int, _ type: String, _ file: String)
        -> DataFileError
    {
        DataFileError(
            .outOfRange, in: file, at: "element \(index)", "the value \(value) does not fit \(type)",
            cure: "Save the array with values inside the range of \(type).")
    }
}

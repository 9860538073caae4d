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

    /// The elements of an array of this shape in row-major order, given those in column-major ("Fortran") order.
    package consuming func rowMajor(shape: [Int]) -> StoredElements {
        switch self {
        case .bytes(let elements): .bytes(Self.rowMajor(elements, shape))
        case .floats(let elements): .floats(Self.rowMajor(elements, shape))
        case .integers(let elements): .integers(Self.rowMajor(elements, shape))
        }
    }

    private static func rowMajor<Element>(_ elements: [Element], _ shape: [Int]) -> [Element] {
        guard shape.count > 1, !elements.isEmpty else { return elements }
        var strides = [Int](repeating: 1, count: shape.count)
        for dimension in 1..<shape.count { strides[dimension] = strides[dimension - 1] * shape[dimension - 1] }
        let last = shape.count - 1
        return [Element](unsafeUninitializedCapacity: elements.count) { result, initialized in
            var index = [Int](repeating: 0, count: shape.count)
            var start = 0
            while initialized < elements.count {
                for step in 0..<shape[last] {
                    result.initializeElement(at: initialized + step, to: elements[start + step * strides[last]])
                }
                initialized += shape[last]
                var dimension = last - 1
                while dimension >= 0 {
                    index[dimension] += 1
                    start += strides[dimension]
                    if index[dimension] < shape[dimension] { break }
                    start -= index[dimension] * strides[dimension]
                    index[dimension] = 0
                    dimension -= 1
                }
            }
        }
    }
}

extension Sequence<Int> {
    /// The product, or nil if it (or a partial product) does not fit `Int` or a factor is negative.
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

    /// The memory that the elements of an array of this shape take when they are decoded, in addition to the content, in bytes.
    ///
    /// Unsigned bytes and booleans become elements where they are.
    package func memory(for shape: [Int]) -> Int {
        kind == .boolean || kind == .unsigned && width == 1 ? 0 : (shape + [4]).checkedProduct ?? .max
    }

    /// Decodes every whole element of a content from a position on, and gives up the content.
    ///
    /// - Throws: as `decode(_:file:)`.
    package func decode(_ content: consuming [UInt8], from start: Int, file: String) throws -> StoredElements {
        guard kind == .boolean || kind == .unsigned && width == 1 else {
            return try content.withUnsafeBytes {
                try decode(UnsafeRawBufferPointer(rebasing: $0[start...]), file: file)
            }
        }
        content.removeFirst(start)
        if kind == .boolean {
            for index in content.indices where content[index] > 1 { content[index] = 1 }
        }
        return .bytes(content)
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
            suggestion: "Save the array with values inside the range of \(type).")
    }
}

internal import Tensors
internal import CZlib
internal import Foundation

/// Small grey images in rows, inside a page as a PNG.
public struct ImageGrid: ReportFigure {
    /// The title.
    public let title: String
    /// A line of explanation.
    public let note: String
    private let png: Data
    private let (width, height): (Int, Int)

    /// Creates a grid.
    ///
    /// - Parameters:
    ///   - title: the title.
    ///   - images: rows of images, each image `side * side` values from 0 (black) to 1 (white), row by row.
    ///   - side: the height and width of an image, in pixels.
    ///   - note: a line of explanation.
    /// - Precondition: every image has `side * side` values.
    public init(_ title: String, images: [[[Float]]], side: Int, note: String = "") {
        require(
            side > 0 && images.allSatisfy { $0.allSatisfy { $0.count == side * side } },
            "ImageGrid: every image must have \(side) * \(side) values")
        self.title = title
        self.note = note
        let columns = images.map(\.count).max() ?? 0
        let (width, height) = (columns * (side + 1), images.count * (side + 1))
        (self.width, self.height) = (width, height)
        var pixels = [UInt8](repeating: 128, count: width * height)
        for (row, line) in images.enumerated() {
            for (column, image) in line.enumerated() {
                for (index, value) in image.enumerated() {
                    let place = (row * (side + 1) + index / side) * width + column * (side + 1) + index % side
                    pixels[place] = UInt8((min(max(value.isNaN ? 0 : value, 0), 1) * 255).rounded())
                }
            }
        }
        png = ImageGrid.encode(pixels, width: width, height: height)
    }

    /// The grid as an element of a page.
    public var html: String {
        let explanation = note.isEmpty ? "" : #"<p class="note">\#(note.escapedForHTML)</p>"#
        return #"<figure class="images"><figcaption>\#(title.escapedForHTML)</figcaption>"#
            + #"<img alt="\#(title.escapedForHTML)" width="\#(width * 2)" height="\#(height * 2)" src="data:image/png;base64,\#(png.base64EncodedString())"/>"#
            + explanation + "</figure>"
    }

    /// A PNG of grey values, whose blocks are stored as they are: the same bytes with any version of zlib.
    private static func encode(_ pixels: [UInt8], width: Int, height: Int) -> Data {
        func bigEndian(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
            let body = Array(name.utf8) + content
            return bigEndian(UInt32(content.count)) + body + bigEndian(UInt32(crc32(0, body, UInt32(body.count))))
        }
        var raw: [UInt8] = []
        for row in 0..<height { raw += [0] + pixels[row * width..<(row + 1) * width] }
        var stream: [UInt8] = [0x78, 0x01]
        var start = 0
        repeat {
            let count = min(65_535, raw.count - start)
            let isLast = start + count == raw.count
            stream += [
                isLast ? 1 : 0, UInt8(count & 255), UInt8(count >> 8), UInt8(~count & 255), UInt8(~count >> 8 & 255),
            ]
            stream += raw[start..<start + count]
            start += count
        } while start < raw.count
        stream += bigEndian(UInt32(adler32(1, raw, UInt32(raw.count))))
        let header = bigEndian(UInt32(width)) + bigEndian(UInt32(height)) + [8, 0, 0, 0, 0]
        return Data(
            [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + chunk("IHDR", header) + chunk("IDAT", stream)
                + chunk("IEND", []))
    }
}

public import BallastFiles
public import Foundation

extension FashionMNIST {
    /// The places that Fashion-MNIST is published at, tried in this order.
    public static let mirrors = [
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ].compactMap(URL.init(string:))

    /// Downloads the files of Fashion-MNIST that are not in a folder yet (31 MB in all).
    ///
    /// Each file is verified (size, gzip checksum, the checksum of the published content, shape and labels) before it
    /// takes its place; where anything fails, nothing of that file is left behind. The program `curl` does the
    /// transfer, so that programs which never download do not load a network library.
    ///
    /// - Parameters:
    ///   - folder: The folder to fill, created if need be; nil for `cacheFolder`.
    ///   - mirrors: The places to try, in order: addresses of folders.
    /// - Returns: The folder.
    /// - Throws: `DataFileError` that says what each mirror answered, or what was wrong with the file it sent.
    @discardableResult
    public static func fetch(into folder: URL? = nil, mirrors: [URL] = mirrors) throws -> URL {
        try fetch(Download.published, into: folder ?? cacheFolder, mirrors: mirrors, curl: nil)
    }

    /// A file to download and what is known about it.
    package struct Download: Sendable {
        package let part: Part
        /// The size of the compressed file, in bytes.
        package let bytes: Int
        /// The CRC-32 of the content.
        package let checksum: UInt32

        package init(_ part: Part, bytes: Int, checksum: UInt32) {
            self.part = part
            self.bytes = bytes
            self.checksum = checksum
        }

        /// The files as published in 2017.
        static let published = [
            Download(.trainingImages, bytes: 26_421_880, checksum: 0xB4F2_9F28),
            Download(.trainingLabels, bytes: 29_515, checksum: 0x741A_4657),
            Download(.testImages, bytes: 4_422_102, checksum: 0x678F_E0B1),
            Download(.testLabels, bytes: 5_148, checksum: 0x8014_2C1F),
        ]
    }

    /// As `fetch(into:mirrors:)`, for files of the caller's choice and with the path of `curl` (nil to search for it).
    @discardableResult
    package static func fetch(_ downloads: [Download], into folder: URL, mirrors: [URL], curl: String?) throws -> URL {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw DataFileError(
                .unwritable, in: folder.path, "the folder cannot be created: \(error.localizedDescription)",
                cure: "Choose another folder.")
        }
        let missing = downloads.filter { $0.part.file(in: folder) == nil }
        guard !missing.isEmpty else { return folder }
        let curl = try Curl(path: curl)
        for download in missing {
            try fetch(download, into: folder, mirrors: mirrors, curl)
        }
        return folder
    }

    private static func fetch(_ download: Download, into folder: URL, mirrors: [URL], _ curl: Curl) throws {
        let name = download.part.rawValue + ".gz"
        var answers: [String] = []
        for mirror in mirrors {
            let address = mirror.appending(path: name, directoryHint: .notDirectory)
            do {
                let content = try curl.content(of: address, limit: download.bytes)
                try verify(content, download, address.absoluteString)
                try AtomicFile.write(to: folder.appending(path: name, directoryHint: .notDirectory)) { file in
                    try file.write(content)
                }
                return
            } catch let error as DataFileError where error.kind != .unwritable {
                answers.append(error.file == address.absoluteString ? "\(error.file): \(error.problem)" : "\(error)")
            }
        }
        throw DataFileError(
            .download, in: name, "no mirror sent the file (\(answers.joined(separator: "; ")))",
            cure: "Check the network, or put the four files into \(folder.path) by hand; "
                + "Debian and Ubuntu have them as the package dataset-fashion-mnist.")
    }

    private static func verify(_ content: [UInt8], _ download: Download, _ address: String) throws {
        let cure = "Try again or use another mirror."
        guard content.count == download.bytes else {
            throw DataFileError(
                content.count < download.bytes ? .truncated : .oversized, in: address,
                "expected \(download.bytes) bytes, received \(content.count)", cure: cure)
        }
        let inflated = try Gzip.inflate(content, limit: 1 << 30, file: address)
        let checksum = inflated.withUnsafeBytes { Gzip.checksum($0) }
        guard checksum == download.checksum else {
            throw DataFileError(.checksum, in: address, "the content is not that of the published file", cure: cure)
        }
        _ = try download.part.validated(IDXFile(bytes: inflated, file: address), address)
    }
}

/// The program that transfers files.
private struct Curl {
    private let program: URL

    init(path: String?) throws {
        let search = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let candidates = path.map { [$0] } ?? search.split(separator: ":").map { "\($0)/curl" } + ["/usr/bin/curl"]
        guard let found = candidates.first(where: FileManager.default.isExecutableFile(atPath:)) else {
            throw DataFileError(
                .download, in: path ?? "curl", "the program that downloads files is not installed",
                cure: "Install curl (on Debian and Ubuntu: apt install curl), or download the files by hand.")
        }
        program = URL(filePath: found)
    }

    /// The content at an address, at most `limit` bytes and a little more.
    func content(of address: URL, limit: Int) throws -> [UInt8] {
        let process = Process()
        process.executableURL = program
        // The content comes through the pipe; at the end of it curl has written its one line of errors, if any.
        process.arguments = [
            "--fail", "--location", "--silent", "--show-error", "--connect-timeout", "20", "--speed-limit", "1000",
            "--speed-time", "30", "--max-filesize", "\(limit)", "--", address.absoluteString,
        ]
        let output = Pipe()
        let errors = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        var content: [UInt8] = []
        do {
            try process.run()
            while content.count <= limit, let part = try output.fileHandleForReading.read(upToCount: 1 << 16),
                !part.isEmpty
            {
                content += part
            }
        } catch {
            if process.isRunning { process.terminate() }
            throw DataFileError(
                .download, in: address.absoluteString, "\(program.path) failed: \(error.localizedDescription)",
                cure: "Download the file by hand.")
        }
        if content.count > limit { process.terminate() }
        let message = String(decoding: (try? errors.fileHandleForReading.readToEnd()) ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        guard content.count <= limit else {
            throw DataFileError(
                .oversized, in: address.absoluteString, "the server sends more than the expected \(limit) bytes",
                cure: "Use another mirror.")
        }
        guard process.terminationStatus == 0 else {
            let reason = message.trimmingCharacters(in: .whitespacesAndNewlines)
            throw DataFileError(
                .download, in: address.absoluteString,
                reason.isEmpty ? "curl ended with code \(process.terminationStatus)" : reason,
                cure: "Check the network.")
        }
        return content
    }
}

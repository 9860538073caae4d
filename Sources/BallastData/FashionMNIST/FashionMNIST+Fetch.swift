internal import BallastFiles
public import Foundation

extension FashionMNIST {
    /// The places that Fashion-MNIST is published at, tried in this order.
    public static let mirrors = [
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ].compactMap(URL.init(string:))

    /// Downloads the files of Fashion-MNIST that are not in a folder yet (31 MB in all).
    ///
    /// The content of each file must have the SHA-256 digest of the published one: a download before it takes its
    /// place, and a file that is in the folder already. Where anything fails, nothing of the file remains. The
    /// program `curl` does the transfer, over https only and without the user's configuration of it, so that programs
    /// which never download do not load a network library.
    ///
    /// - Parameters:
    ///   - folder: The folder to fill, created if need be; nil for `cacheFolder`.
    ///   - mirrors: The places to try, in order: addresses of folders, of the scheme https.
    /// - Returns: The folder.
    /// - Throws: `DataFileError` that says what each mirror answered, or what was wrong with the file it sent, and of
    ///   kind `checksum` where a file in the folder is not the published one; it is not touched.
    @discardableResult
    public static func fetch(into folder: URL? = nil, mirrors: [URL] = mirrors) throws -> URL {
        try fetch(Download.published, into: folder ?? cacheFolder, mirrors: mirrors, curl: nil, scheme: "https")
    }

    /// A file to download and what is known about it.
    package struct Download: Sendable {
        package let part: Part
        /// The size of the compressed file, in bytes.
        package let bytes: Int
        /// The SHA-256 digest of the content, which does not depend on how the file is compressed.
        package let digest: String

        package init(_ part: Part, bytes: Int, digest: String) {
            self.part = part
            self.bytes = bytes
            self.digest = digest
        }

        /// The files as published in 2017.
        ///
        /// The digests are those of Debian's package `dataset-fashion-mnist` 0.0~git20200523.55506a9, whose signature
        /// Debian's package manager verifies.
        static let published = [
            Download(
                .trainingImages, bytes: 26_421_880,
                digest: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
            Download(
                .trainingLabels, bytes: 29_515,
                digest: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
            Download(
                .testImages, bytes: 4_422_102,
                digest: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
            Download(
                .testLabels, bytes: 5_148,
                digest: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
        ]

        /// Checks that a file, compressed or not, holds the published content.
        fileprivate func verify(_ bytes: [UInt8], _ file: String, suggestion: String) throws {
            let content = Gzip.isCompressed(bytes) ? try Gzip.inflate(bytes, limit: 64 << 20, file: file) : bytes
            guard SHA256.digest(of: content) == digest else {
                throw DataFileError(
                    .checksum, in: file, "the content is not that of the published file", suggestion: suggestion)
            }
            _ = try part.validated(IDXFile(bytes: content, file: file), file)
        }
    }

    /// As `fetch(into:mirrors:)`, for files of the caller's choice, with the path of `curl` (nil to search for it) and the
    /// scheme of the mirrors' addresses, which no other may replace.
    @discardableResult
    package static func fetch(
        _ downloads: [Download], into folder: URL, mirrors: [URL], curl: String?, scheme: String
    ) throws -> URL {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw DataFileError(
                .unwritable, in: folder.path, "the folder cannot be created: \(error.localizedDescription)",
                suggestion: "Choose another folder.")
        }
        var missing: [Download] = []
        for download in downloads {
            if let file = try download.part.file(in: folder) {
                let suggestion = "Remove the file, so that it is fetched again."
                try download.verify(ReadableFile.contents(of: file), file.path, suggestion: suggestion)
            } else {
                missing.append(download)
            }
        }
        guard !missing.isEmpty else { return folder }
        let curl = try Curl(path: curl, scheme: scheme)
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
                let suggestion = "Try again or use another mirror."
                guard content.count == download.bytes else {
                    throw DataFileError(
                        .truncated, in: address.absoluteString,
                        "expected \(download.bytes) bytes, received \(content.count)", suggestion: suggestion)
                }
                try download.verify(content, address.absoluteString, suggestion: suggestion)
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
            suggestion: "Check the network, or put the four files into \(folder.path) by hand; "
                + "Debian and Ubuntu have them as the package dataset-fashion-mnist.")
    }
}

/// The program that transfers files.
private struct Curl {
    private let program: URL
    private let scheme: String

    init(path: String?, scheme: String) throws {
        self.scheme = scheme
        let search = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let candidates = path.map { [$0] } ?? search.split(separator: ":").map { "\($0)/curl" } + ["/usr/bin/curl"]
        guard let found = candidates.first(where: FileManager.default.isExecutableFile(atPath:)) else {
            throw DataFileError(
                .download, in: path ?? "curl", "the program that downloads files is not installed",
                suggestion: "Install curl (on Debian and Ubuntu: apt install curl), or download the files by hand.")
        }
        program = URL(filePath: found)
    }

    /// The content at an address, at most `limit` bytes and a little more.
    func content(of address: URL, limit: Int) throws -> [UInt8] {
        let process = Process()
        process.executableURL = program
        // The content comes through the pipe; at the end of it curl has written its lines of errors, if any. The first
        // argument keeps it from reading a configuration. What it sends twice, on a retry, fails the verification.
        process.arguments = [
            "-q", "--proto", "=\(scheme)", "--proto-redir", "=\(scheme)", "--max-redirs", "5", "--retry", "3", "--fail",
            "--location", "--silent", "--show-error", "--connect-timeout", "20", "--speed-limit", "1000",
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
                suggestion: "Download the file by hand.")
        }
        if content.count > limit { process.terminate() }
        let message = String(decoding: (try? errors.fileHandleForReading.readToEnd()) ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        guard content.count <= limit else {
            throw DataFileError(
                .oversized, in: address.absoluteString, "the server sends more than the expected \(limit) bytes",
                suggestion: "Use another mirror.")
        }
        guard process.terminationStatus == 0 else {
            let reason = message.trimmingCharacters(in: .whitespacesAndNewlines)
            throw DataFileError(
                .download, in: address.absoluteString,
                reason.isEmpty ? "curl ended with code \(process.terminationStatus)" : reason,
                suggestion: "Check the network.")
        }
        return content
    }
}

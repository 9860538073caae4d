import Ballast
import Foundation
import Testing

/// Downloads from folders of this machine, by file addresses, which `curl` serves as it serves a network.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl")))
struct FashionMNISTFetchTests {
    private func downloads() -> [FashionMNIST.Download] {
        FashionMNIST.Part.allCases.map { part in
            let content = FashionMNISTTests.content(part)
            return FashionMNIST.Download(
                part, bytes: FormatFixtures.gzip(content).count, digest: SHA256.digest(of: content))
        }
    }

    /// Fetches from the folders `mirrors` of a new folder, which `prepare` fills, into its folder "cache".
    private func fetch(_ mirrors: [String], prepare: (URL) throws -> Void) throws -> (
        error: DataFileError?, files: [String]
    ) {
        try FormatFixtures.withFolder { root in
            try prepare(root)
            let cache = root.appending(path: "cache", directoryHint: .isDirectory)
            let error = dataFileError {
                try FashionMNIST.fetch(
                    downloads(), into: cache,
                    mirrors: mirrors.map { root.appending(path: $0, directoryHint: .isDirectory) },
                    curl: nil, scheme: "file")
                _ = try FashionMNIST.read(directory: cache)
            }
            return (error, (try? FormatFixtures.names(in: cache)) ?? [])
        }
    }

    @Test func `files are fetched, verified and put in place`() throws {
        let result = try fetch(["mirror"]) { try FashionMNISTTests.fill($0.appending(path: "mirror")) }
        #expect(result.error == nil)
        #expect(result.files == FashionMNIST.Part.allCases.map { $0.rawValue + ".gz" }.sorted())
    }

    @Test func `the second mirror serves where the first one fails`() throws {
        let result = try fetch(["missing", "mirror"]) { try FashionMNISTTests.fill($0.appending(path: "mirror")) }
        #expect(result.error == nil)
    }

    @Test func `without an answer the error names the mirrors and nothing is left behind`() throws {
        let result = try fetch(["missing", "other"]) { _ in }
        #expect(result.error?.kind == .download)
        #expect(result.error?.problem.contains("missing/train-images-idx3-ubyte.gz: curl: (37)") == true)
        #expect(result.error?.problem.contains("other/train-images-idx3-ubyte.gz") == true)
        #expect(result.files.isEmpty)
    }

    @Test(arguments: ["short", "long", "damaged", "other", "forged"])
    func `a file that is not the published one is refused and not kept`(fault: String) throws {
        let result = try fetch(["mirror"]) { root in
            let mirror = root.appending(path: "mirror")
            try FashionMNISTTests.fill(mirror)
            let file = mirror.appending(path: "train-images-idx3-ubyte.gz")
            var bytes = try Array(Data(contentsOf: file))
            switch fault {
            case "short": bytes.removeLast()
            case "long": bytes.append(0)
            case "damaged": bytes[200] ^= 1
            case "forged":
                // A change that size and CRC-32 do not show: a multiple of the polynomial of the checksum.
                var content = FashionMNISTTests.content(.trainingImages)
                let published = content.withUnsafeBytes { Gzip.checksum($0) }
                for (index, byte) in ([0x41, 0x06, 0x71, 0xDB, 0x01] as [UInt8]).enumerated() {
                    content[500 + index] ^= byte
                }
                #expect(content.withUnsafeBytes { Gzip.checksum($0) } == published)
                bytes = FormatFixtures.gzip(content)
            default:
                let content = FormatFixtures.idx(8, [3, 28, 28], [UInt8](repeating: 8, count: 3 * 784))
                bytes = FormatFixtures.gzip(content)
            }
            try Data(bytes).write(to: file)
        }
        #expect(result.error?.kind == .download)
        #expect(result.files.isEmpty)
        let reasons = [
            "short": "expected 2391 bytes, received 2390", "long": "more than the expected 2391 bytes",
            "damaged": "incorrect data check", "other": "not that of the published file",
            "forged": "not that of the published file",
        ]
        let reason = try #require(reasons[fault])
        #expect(result.error?.problem.contains(reason) == true, "\(String(describing: result.error))")
    }

    @Test func `an absent curl is named with the suggestion`() throws {
        try FormatFixtures.withFolder { folder in
            let error = dataFileError {
                try FashionMNIST.fetch(downloads(), into: folder, mirrors: [], curl: "/nowhere/curl", scheme: "file")
            }
            #expect(error?.suggestion.contains("apt install curl") == true)
        }
    }

    @Test func `files that are there are verified and not fetched again`() throws {
        try FormatFixtures.withFolder { folder in
            func fetch() throws {
                _ = try FashionMNIST.fetch(
                    downloads(), into: folder, mirrors: [], curl: "/nowhere/curl", scheme: "file")
            }
            for isCompressed in [false, true] {
                try FashionMNISTTests.fill(folder, compressed: isCompressed)
                try fetch()
            }
            let file = folder.appending(path: "t10k-labels-idx1-ubyte.gz")
            let damaged = Data(FormatFixtures.gzip(FormatFixtures.idx(8, [2], [1, 3])))
            try damaged.write(to: file)
            let error = dataFileError { try fetch() }
            #expect(error?.kind == .checksum && error?.file == file.path)
            #expect(try Data(contentsOf: file) == damaged, "what is there is not touched")
        }
    }

    @Test func `mirrors of another scheme are refused, also by default`() throws {
        #expect(FashionMNIST.mirrors.allSatisfy { $0.scheme == "https" })
        try FormatFixtures.withFolder { root in
            let mirror = root.appending(path: "mirror", directoryHint: .isDirectory)
            try FashionMNISTTests.fill(mirror)
            let error = dataFileError {
                try FashionMNIST.fetch(into: root.appending(path: "cache"), mirrors: [mirror])
            }
            #expect(error?.problem.contains("file") == true && error?.problem.contains("curl: (1)") == true)
        }
    }

    @Test func `curl reads no configuration, keeps to the scheme and tries again`() throws {
        try FormatFixtures.withFolder { root in
            let (program, log) = (root.appending(path: "curl"), root.appending(path: "log"))
            try Data("#!/bin/sh\necho \"$@\" >> '\(log.path)'\nexit 7\n".utf8).write(to: program)
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: program.path)
            let error = dataFileError {
                try FashionMNIST.fetch(
                    downloads(), into: root.appending(path: "cache"), mirrors: FashionMNIST.mirrors,
                    curl: program.path, scheme: "https")
            }
            #expect(error?.kind == .download)
            let calls = String(decoding: try Data(contentsOf: log), as: UTF8.self).split(separator: "\n")
            #expect(calls.count == FashionMNIST.mirrors.count)
            for call in calls {
                #expect(call.hasPrefix("-q --proto =https --proto-redir =https "), "\(call)")
                #expect(call.contains(" --retry 3 "))
            }
        }
    }
}

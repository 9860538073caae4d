import Ballast
import Foundation
import Testing

/// Downloads from folders of this machine, by file addresses, which `curl` serves as it serves a network.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl")))
struct FashionMNISTFetchTests {
    private func downloads() -> [FashionMNIST.Download] {
        FashionMNIST.Part.allCases.map { part in
            let content = FashionMNISTTests.content(part)
            let checksum = content.withUnsafeBytes { Gzip.checksum($0) }
            return FashionMNIST.Download(part, bytes: FormatFixtures.gzip(content).count, checksum: checksum)
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
                    curl: nil)
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

    @Test(arguments: ["short", "long", "damaged", "other"])
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
        ]
        let reason = try #require(reasons[fault])
        #expect(result.error?.problem.contains(reason) == true, "\(String(describing: result.error))")
    }

    @Test func `an absent curl is named with the cure`() throws {
        try FormatFixtures.withFolder { folder in
            let error = dataFileError {
                try FashionMNIST.fetch(downloads(), into: folder, mirrors: [], curl: "/nowhere/curl")
            }
            #expect(error?.cure.contains("apt install curl") == true)
        }
    }

    @Test func `files that are there are not fetched again`() throws {
        try FormatFixtures.withFolder { folder in
            try FashionMNISTTests.fill(folder)
            _ = try FashionMNIST.fetch(downloads(), into: folder, mirrors: [], curl: "/nowhere/curl")
        }
    }
}

import Ballast
import Foundation
import Testing

@Suite struct AtomicFileTests {
    private struct Stop: Error {}

    private func text(_ url: URL) throws -> String { String(decoding: try Data(contentsOf: url), as: UTF8.self) }

    @Test func `a file is written whole and nothing else stays`() throws {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a.bin")
            for content in ["one", "two, longer", ""] {
                try AtomicFile.write(to: url) { file in try file.write(Array(content.utf8)) }
                #expect(try text(url) == content)
            }
            #expect(try FormatFixtures.names(in: folder) == ["a.bin"])
        }
    }

    @Test func `a failure leaves the file that was there, and no other`() throws {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a.bin")
            try AtomicFile.write(to: url) { file in try file.write(Array("old".utf8)) }
            #expect(throws: Stop.self) {
                try AtomicFile.write(to: url, keepsPrevious: true) { file in
                    try file.write(Array("half".utf8))
                    throw Stop()
                }
            }
            #expect(try text(url) == "old")
            #expect(try FormatFixtures.names(in: folder) == ["a.bin"])
        }
    }

    @Test func `the replaced file can be kept`() throws {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a.bin")
            for content in ["one", "two", "three"] {
                try AtomicFile.write(to: url, keepsPrevious: true) { file in try file.write(Array(content.utf8)) }
            }
            #expect(try text(url) == "three")
            #expect(try text(folder.appending(path: "a.bin.previous")) == "two")
            #expect(try FormatFixtures.names(in: folder) == ["a.bin", "a.bin.previous"])
        }
    }

    @Test func `what a killed process left is removed, what a live one writes is not`() throws {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a.bin")
            try Data("half".utf8).write(to: folder.appending(path: ".a.bin.xyz.partial"))
            try Data("other".utf8).write(to: folder.appending(path: ".b.bin.xyz.partial"))
            try AtomicFile.write(to: url) { outer in
                try outer.write(Array("outer".utf8))
                try AtomicFile.write(to: url) { inner in try inner.write(Array("inner".utf8)) }
                #expect(try text(url) == "inner")
            }
            #expect(try text(url) == "outer")
            #expect(try FormatFixtures.names(in: folder) == [".b.bin.xyz.partial", "a.bin"])
        }
    }

    @Test func `a link stays a link and permissions stay`() throws {
        try FormatFixtures.withFolder { folder in
            let (real, link) = (folder.appending(path: "real"), folder.appending(path: "link"))
            try Data("old".utf8).write(to: real)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: real.path)
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: real)
            try AtomicFile.write(to: link) { file in try file.write(Array("new".utf8)) }
            #expect(try text(real) == "new")
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == real.path)
            let mode = try FileManager.default.attributesOfItem(atPath: real.path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test func `what dangling and relative links lead to is created`() throws {
        try FormatFixtures.withFolder { folder in
            let inner = folder.appending(path: "inner")
            try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
            for (link, destination) in [("link", "inner/next"), ("inner/next", "../inner/file")] {
                try FileManager.default.createSymbolicLink(
                    atPath: folder.appending(path: link).path, withDestinationPath: destination)
            }
            for content in ["new", "newer"] {
                try AtomicFile.write(to: folder.appending(path: "link")) { try $0.write(Array(content.utf8)) }
                #expect(try text(inner.appending(path: "file")) == content)
            }
            #expect(try FormatFixtures.names(in: folder) == ["inner", "link"])
            #expect(try FormatFixtures.names(in: inner) == ["file", "next"])
            for link in ["link", "inner/next"] {
                let path = folder.appending(path: link).path
                #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: path)) != nil)
            }
        }
    }

    @Test func `pipes, links to them and links in a circle are refused and stay`() throws {
        try FormatFixtures.withFolder { folder in
            let pipe = folder.appending(path: "pipe")
            #expect(mkfifo(pipe.path, 0o600) == 0)
            for (link, destination) in [("link", "pipe"), ("circle", "circle")] {
                try FileManager.default.createSymbolicLink(
                    atPath: folder.appending(path: link).path, withDestinationPath: destination)
            }
            for name in ["pipe", "link", "circle"] {
                let url = folder.appending(path: name)
                let error = dataFileError { try AtomicFile.write(to: url) { try $0.write([1]) } }
                #expect(error?.kind == .unwritable && error?.file == url.path)
                #expect(error?.problem.contains(name == "circle" ? "cannot be written" : "a pipe") == true)
            }
            var status = stat()
            #expect(lstat(pipe.path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
            #expect(try FormatFixtures.names(in: folder) == ["circle", "link", "pipe"])
        }
    }

    @Test func `what was written can be replaced before the file takes its place`() throws {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a.bin")
            try AtomicFile.write(to: url) { file in
                try file.write(Array("0000".utf8))
                let checksum = try Array("123456789".utf8).withUnsafeBytes { try file.writeWithChecksum($0) }
                // The check value of CRC-32 in the catalogue of parametrised CRC algorithms.
                #expect(checksum == 0xCBF4_3926)
                try file.rewrite(Array("ab".utf8), at: 1)
                try file.write(Array("!".utf8))
            }
            #expect(try text(url) == "0ab0123456789!")
        }
    }

    @Test func `a missing folder and a folder in the file's place are named with the suggestion`() throws {
        try FormatFixtures.withFolder { folder in
            let missing = dataFileError {
                try AtomicFile.write(to: folder.appending(path: "no/a.bin")) { _ in }
            }
            #expect(missing?.problem == "cannot be written: No such file or directory")
            #expect(missing?.suggestion.hasPrefix("Create the folder \(folder.path)/no first.") == true)
            let inTheWay = folder.appending(path: "folder")
            try FileManager.default.createDirectory(at: inTheWay, withIntermediateDirectories: true)
            let taken = dataFileError { try AtomicFile.write(to: inTheWay) { file in try file.write([1]) } }
            #expect(taken?.kind == .unwritable)
            #expect(try FormatFixtures.names(in: folder) == ["folder"])
        }
    }

    @Test func `a write that the system refuses half way leaves the old file`() async {
        // In a process of its own, because the limit holds for all of the process.
        await #expect(processExitsWith: .success) {
            try FormatFixtures.withFolder { folder in
                let url = folder.appending(path: "a.bin")
                try AtomicFile.write(to: url) { file in try file.write([1, 2, 3]) }
                signal(SIGXFSZ, SIG_IGN)
                var limit = rlimit(rlim_cur: 5000, rlim_max: 5000)
                #if canImport(Darwin)
                    setrlimit(RLIMIT_FSIZE, &limit)
                #else
                    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                #endif
                let error = dataFileError {
                    try AtomicFile.write(to: url, keepsPrevious: true) { file in
                        try file.write([UInt8](repeating: 7, count: 8000))
                    }
                }
                guard error?.problem == "cannot be written: File too large after 5000 bytes",
                    try Data(contentsOf: url) == Data([1, 2, 3]), try FormatFixtures.names(in: folder) == ["a.bin"]
                else { throw Stop() }
            }
        }
    }
}

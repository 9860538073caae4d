import Ballast
import Foundation
import Testing

/// What cannot be read is neither missing nor empty.
@Suite struct ReadableFileTests {
    /// Runs the body with a folder that leads to itself: as unreadable for an administrator as for any user.
    private func withUnreadableFolder(_ body: (URL) throws -> Void) throws {
        try FormatFixtures.withFolder { root in
            let folder = root.appending(path: "loop", directoryHint: .isDirectory)
            try FileManager.default.createSymbolicLink(
                atPath: root.appending(path: "loop").path, withDestinationPath: "loop")
            try body(folder)
        }
    }

    @Test func `existence is told for files, folders and what is missing, and an error otherwise`() throws {
        try withUnreadableFolder { (folder: URL) throws in
            let root = folder.deletingLastPathComponent()
            #expect(try ReadableFile.exists(root))
            #expect(try ReadableFile.exists(FormatFixtures.url("stored.npz")))
            #expect(try !ReadableFile.exists(root.appending(path: "no/file")))
            #expect(try !ReadableFile.exists(FormatFixtures.url("stored.npz").appending(path: "file")))
            #expect(dataFileError { try ReadableFile.exists(folder.appending(path: "file")) }?.kind == .unreadable)
        }
    }

    @Test func `an unreadable folder of the data set is an error, not a data set that is not there`() throws {
        try withUnreadableFolder { folder in
            let environment = ["XDG_CACHE_HOME": folder.path]
            let error = dataFileError {
                try FashionMNIST.locate(nil, environment: environment, system: URL(filePath: "/nowhere"))
            }
            #expect(error?.kind == .unreadable)
            let fetched = dataFileError { try FashionMNIST.fetch(into: folder, mirrors: []) }
            #expect(fetched != nil)
        }
    }

    #if os(Linux)
        @Test func `a file whose size does not tell its content is not taken for an empty one`() {
            let error = dataFileError { try CSVFile(contentsOf: URL(filePath: "/proc/self/status")) }
            #expect(error?.kind == .unreadable)
        }
    #endif
}

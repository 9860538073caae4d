package import Foundation

/// An open regular file that is read by position.
///
/// Positional reads rather than a mapping: a file that shrinks while it is read gives an error, not a signal.
package final class ReadableFile: Sendable {
    package let path: String
    /// The size when the file was opened, in bytes.
    package let size: Int
    private let descriptor: Int32

    package init(_ url: URL) throws {
        path = url.path
        guard url.isFileURL else {
            throw DataFileError(
                .unreadable, in: url.absoluteString, "this is not the address of a file on this machine",
                suggestion: "Pass a file URL: URL(filePath: ...).")
        }
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.failure(path, errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw Self.failure(path, code)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            throw DataFileError(
                .unreadable, in: path, isFolder ? "this is a folder" : "this is not a regular file",
                suggestion: "Pass the path of a file.")
        }
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// Fills `buffer` with the bytes from `offset` on.
    package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        guard let base = buffer.baseAddress else { return }
        var done = 0
        while done < buffer.count {
            let count = pread(descriptor, base + done, min(buffer.count - done, 1 << 30), off_t(offset + done))
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                throw Self.failure(path, code)
            }
            guard count > 0 else {
                throw DataFileError(
                    .truncated, in: path, at: "byte \(offset + done)",
                    "the file ends here, but \(buffer.count - done) more bytes are needed",
                    suggestion: "It was cut off, or changed while it was read: fetch or write it again.")
            }
            done += count
        }
    }

    /// The bytes of a part of the file.
    package func bytes(at offset: Int, count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            try read(
                at: offset,
                into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]))
            initialized = count
        }
    }

    /// All bytes of the file at `url`.
    package static func contents(of url: URL) throws -> [UInt8] {
        let file = try ReadableFile(url)
        let bytes = try file.bytes(at: 0, count: file.size)
        var surplus: UInt8 = 0
        // Files such as those of /proc have a content and the size 0: they must not look empty.
        guard pread(file.descriptor, &surplus, 1, off_t(file.size)) <= 0 else {
            throw DataFileError(
                .unreadable, in: file.path, "the file holds more than its size of \(file.size) bytes",
                suggestion: "It grew while it was read, or is not a file on a disk: copy it, and read the copy.")
        }
        return bytes
    }

    /// Whether there is a file or folder at `url`, links followed.
    ///
    /// - Throws: `DataFileError` if that cannot be determined, such as in a folder that this user may not search: what is
    ///   unreadable is not missing.
    package static func exists(_ url: URL) throws -> Bool {
        var status = stat()
        if stat(url.path, &status) == 0 { return true }
        if errno == ENOENT || errno == ENOTDIR { return false }
        throw failure(url.path, errno)
    }

    private static func failure(_ path: String, _ code: Int32) -> DataFileError {
        let suggestion =
            switch code {
            case ENOENT, ENOTDIR: "Check the path; relative paths start at \(FileManager.default.currentDirectoryPath)."
            case EACCES, EPERM: "Give this user permission to read the file."
            default: "Check the disk and try again."
            }
        return DataFileError(
            .unreadable, in: path, "cannot be read: \(String(cString: strerror(code)))", suggestion: suggestion)
    }
}

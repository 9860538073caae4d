package import Foundation

/// Writes a file whole or not at all.
///
/// The content goes to a temporary file in the same folder, which is synced to the disk and then renamed over the
/// target: whoever opens the target, after a crash or a power cut at any moment, finds the old content or the new.
///
/// A symbolic link stays a link: the file that it leads to is written, whether it exists yet or not. A folder, a
/// device, a pipe or a socket is refused, because it cannot be replaced whole.
package enum AtomicFile {
    /// Writes `url` with what `body` hands to its writer.
    ///
    /// - Parameters:
    ///   - keepsPrevious: Whether the file that is replaced stays, as `<name>.previous`.
    ///   - body: Hands the content to the writer, piece by piece.
    /// - Throws: `DataFileError` with the reason of the system, and what `body` throws; the temporary file is removed
    ///   and the target is untouched in either case.
    package static func write(
        to url: URL, keepsPrevious: Bool = false, _ body: (Writer) throws -> Void
    ) throws {
        guard url.isFileURL else {
            throw DataFileError(
                .unwritable, in: url.absoluteString, "this is not the address of a file on this machine",
                suggestion: "Pass a file URL: URL(filePath: ...).")
        }
        let target = try target(of: url)
        let folder = target.deletingLastPathComponent()
        let writer = try Writer(target: target.path, folder: folder.path, name: target.lastPathComponent)
        var isRenamed = false
        defer {
            if !isRenamed { unlink(writer.path) }
            writer.close()
        }
        try body(writer)
        try writer.sync()
        if keepsPrevious { try keep(target.path, besides: writer) }
        guard rename(writer.path, target.path) == 0 else { throw writer.failure(errno) }
        isRenamed = true
        try sync(folder: folder.path, target.path)
    }

    /// The file to replace or create: where the symbolic links lead.
    private static func target(of url: URL) throws -> URL {
        var target = url
        var status = stat()
        // At most as many links as the system itself would follow.
        for _ in 0...40 {
            guard lstat(target.path, &status) == 0 else {
                if errno == ENOENT { return target }
                throw Writer.failure(errno, url.path, target.deletingLastPathComponent().path, 0)
            }
            switch status.st_mode & S_IFMT {
            case S_IFREG: return target
            case S_IFDIR: throw Writer.failure(EISDIR, url.path, target.deletingLastPathComponent().path, 0)
            case S_IFLNK:
                // A link such as /dev/stdout can lead to what has no path.
                var end = stat()
                if stat(target.path, &end) == 0, end.st_mode & S_IFMT != S_IFREG, end.st_mode & S_IFMT != S_IFDIR {
                    throw notRegular(url)
                }
                let destination = try FileManager.default.destinationOfSymbolicLink(atPath: target.path)
                target = URL(filePath: destination, relativeTo: target.deletingLastPathComponent()).absoluteURL
            default: throw notRegular(url)
            }
        }
        throw Writer.failure(ELOOP, url.path, url.deletingLastPathComponent().path, 0)
    }

    private static func notRegular(_ url: URL) -> DataFileError {
        DataFileError(
            .unwritable, in: url.path, "this is a device, a pipe or a socket, which cannot be replaced whole",
            suggestion: "Write to a regular file, and copy it from there.")
    }

    /// Gives the current file a second name, `<name>.previous`, so that the first one is free to be replaced.
    private static func keep(_ target: String, besides writer: Writer) throws {
        let previous = target + ".previous"
        let name = writer.path + ".link.partial"
        while link(target, name) == 0 {
            defer { unlink(name) }
            if rename(name, previous) == 0 { return }
            // Gone: another process that writes the same file took the name for an abandoned one.
            guard errno == ENOENT else { throw writer.failure(errno) }
        }
        // File systems without hard links: a moment without the name, but never without a good file.
        guard errno == ENOENT || rename(target, previous) == 0 else { throw writer.failure(errno) }
    }

    private static func sync(folder: String, _ target: String) throws {
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }  // A folder that may be written but not listed.
        defer { close(descriptor) }
        // Some file systems do not know how to sync a folder.
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP else {
            throw DataFileError(
                .unwritable, in: target,
                "was written, but its folder was not synced: \(String(cString: strerror(errno)))",
                suggestion: "Check the disk: after a power cut the previous content may return.")
        }
    }
}

extension AtomicFile {
    /// The temporary file that becomes the target.
    package final class Writer {
        fileprivate let path: String
        private let target: String
        private let folder: String
        private let descriptor: Int32
        private var written = 0

        /// Opens a new temporary file, `.<name>.<number>.partial`, and locks it for as long as it is written.
        ///
        /// The lock distinguishes a live temporary file from one left by a process that was killed; the latter is removed.
        fileprivate init(target: String, folder: String, name: String) throws {
            let prefix = ".\(name.utf8.count < 200 ? name : String(name.prefix(40)))."
            Self.removeAbandoned(in: folder, prefix)
            while true {
                let path = "\(folder)/\(prefix)\(String(UInt64.random(in: .min ... .max), radix: 36)).partial"
                let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
                if descriptor < 0 {
                    let code = errno
                    if code == EEXIST || code == EINTR { continue }
                    throw Self.failure(code, target, folder, 0)
                }
                var status = stat()
                // Another process may have taken the file for an abandoned one before it was locked.
                let isTaken = flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
                if isTaken || (fstat(descriptor, &status) == 0 && status.st_nlink == 0) {
                    Foundation.close(descriptor)
                    continue
                }
                if stat(target, &status) == 0 { fchmod(descriptor, status.st_mode & 0o777) }
                self.path = path
                self.target = target
                self.folder = folder
                self.descriptor = descriptor
                return
            }
        }

        fileprivate func close() { _ = Foundation.close(descriptor) }

        /// Appends bytes.
        package func write(_ bytes: UnsafeRawBufferPointer) throws {
            try transfer(bytes) { Foundation.write(descriptor, $0, $1) }
            written += bytes.count
        }

        /// Appends bytes.
        package func write(_ bytes: [UInt8]) throws {
            try bytes.withUnsafeBytes { try write($0) }
        }

        /// Appends bytes and returns their CRC-32, a piece at a time, so that each is in the cache when it is written.
        package func writeWithChecksum(_ bytes: UnsafeRawBufferPointer) throws -> UInt32 {
            var checksum: UInt32 = 0
            for start in stride(from: 0, to: bytes.count, by: 1 << 18) {
                let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + (1 << 18), bytes.count)])
                checksum = Gzip.checksum(piece, continuing: checksum)
                try write(piece)
            }
            return checksum
        }

        /// Replaces bytes that were written before.
        package func rewrite(_ bytes: [UInt8], at offset: Int) throws {
            try bytes.withUnsafeBytes { bytes in
                var position = off_t(offset)
                try transfer(bytes) { start, count in
                    let done = pwrite(descriptor, start, count, position)
                    position += off_t(max(done, 0))
                    return done
                }
            }
        }

        /// Hands bytes to a function of the system until all are taken.
        private func transfer(_ bytes: UnsafeRawBufferPointer, _ send: (UnsafeRawPointer, Int) -> Int) throws {
            guard let base = bytes.baseAddress else { return }
            var done = 0
            while done < bytes.count {
                let count = send(base + done, min(bytes.count - done, 1 << 30))
                if count < 0 {
                    if errno == EINTR { continue }
                    throw Self.failure(errno, target, folder, written + done)
                }
                done += count
            }
        }

        fileprivate func sync() throws {
            #if canImport(Darwin)
                // On macOS only this reaches the disk itself.
                if fcntl(descriptor, F_FULLFSYNC) == 0 { return }
            #endif
            guard fsync(descriptor) == 0 else { throw failure(errno) }
        }

        fileprivate func failure(_ code: Int32) -> DataFileError { Self.failure(code, target, folder, written) }

        fileprivate static func failure(_ code: Int32, _ target: String, _ folder: String, _ written: Int)
            -> DataFileError
        {
            let suggestion =
                switch code {
                case ENOSPC, EDQUOT: "Free space in \(folder) or write to another disk."
                case EACCES, EPERM, EROFS: "Choose a folder that this user may write to."
                case ENOENT, ENOTDIR: "Create the folder \(folder) first."
                case EISDIR: "Choose the path of a file, not of a folder."
                case EFBIG: "Raise the limit on the size of files, or write to another file system."
                default: "Check the disk and the folder \(folder)."
                }
            let place = written > 0 ? " after \(written) bytes" : ""
            return DataFileError(
                .unwritable, in: target, "cannot be written: \(String(cString: strerror(code)))\(place)",
                suggestion: "\(suggestion) What was there before is untouched.")
        }

        private static func removeAbandoned(in folder: String, _ prefix: String) {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            where name.hasPrefix(prefix) && name.hasSuffix(".partial") {
                let path = "\(folder)/\(name)"
                let descriptor = open(path, O_RDONLY | O_CLOEXEC)
                guard descriptor >= 0 else { continue }
                if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
                _ = Foundation.close(descriptor)
            }
        }
    }
}

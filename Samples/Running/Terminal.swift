import Foundation

/// Where the program writes: whether it is a terminal, and how wide.
enum Terminal {
    /// Whether standard output is a terminal that can rewrite its line.
    static let isInteractive = isCapable(STDOUT_FILENO)

    /// Whether what is written to standard output, or to standard error, may have colors (https://no-color.org).
    static let hasColors = isInteractive && !refusesColors
    static let errorsHaveColors = isCapable(STDERR_FILENO) && !refusesColors

    private static func isCapable(_ descriptor: Int32) -> Bool {
        isatty(descriptor) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    private static var refusesColors: Bool { ProcessInfo.processInfo.environment["NO_COLOR"]?.isEmpty == false }

    /// The number of columns.
    static var width: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Replaces the current line; `clearLine()` removes it.
    static func rewriteLine(_ text: String) {
        write("\r\u{1B}[2K" + text.prefix(width - 1))
    }

    static func clearLine() {
        if isInteractive { write("\r\u{1B}[2K") }
    }

    /// Flushes what has been printed. Returns whether all of it could be written.
    @discardableResult
    static func flush() -> Bool { fflush(nil) == 0 }

    private static func write(_ text: String) {
        print(text, terminator: "")
        flush()
    }
}

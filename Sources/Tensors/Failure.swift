internal import CKernels

/// The path of the layer that the current thread computes, for failure messages.
///
/// Nothing else depends on it.
package final class Breadcrumb {
    package let path: String

    package init(path: String) { self.path = path }

    /// Makes this the current thread's path, and returns the previous one, for ``leave(to:)``.
    @inline(__always)
    package func enter() -> UnsafeMutableRawPointer? {
        let previous = ballast_breadcrumb()
        ballast_set_breadcrumb(Unmanaged.passUnretained(self).toOpaque())
        return previous
    }

    @inline(__always)
    package static func leave(to previous: UnsafeMutableRawPointer?) {
        ballast_set_breadcrumb(previous)
    }

    package static var currentPath: String? {
        ballast_breadcrumb().map { Unmanaged<Breadcrumb>.fromOpaque($0).takeUnretainedValue().path }
    }
}

/// Stops the program over a mistake in the code of a model or technique, naming the operation and the layer.
package func fail(
    _ operation: StaticString, _ message: @autoclosure () -> String, file: StaticString = #file, line: UInt = #line
) -> Never {
    let place = Breadcrumb.currentPath.map { " (in \"\($0)\")" } ?? ""
    fatalError("\(operation): \(message())\(place)", file: file, line: line)
}

/// Stops the program with a message if a condition does not hold, in every build.
///
/// `precondition` says nothing in release builds; hyper-parameters are checked with this, so that a failure always
/// names the value and the allowed range:
///
/// ```swift
/// require((0..<1).contains(probability), "Dropout: the probability must be in 0..<1 but is \(probability)")
/// ```
public func require(
    _ condition: Bool, _ message: @autoclosure () -> String, file: StaticString = #file, line: UInt = #line
) {
    guard condition else { fatalError(message(), file: file, line: line) }
}

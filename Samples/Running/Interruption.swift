import BallastPlugins
import Foundation

/// Ctrl-C: the first ends a run after its epoch, the second after its step, the third ends the program.
final class Interruption {
    let cancellation = Cancellation()
    private let source: any DispatchSourceSignal

    init() {
        signal(SIGINT, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGINT, queue: DispatchQueue(label: "interruption"))
        source.setEventHandler { [cancellation] in
            guard cancellation.isCancelledAfterEpoch else {
                cancellation.cancelAfterEpoch()
                Interruption.say("ending after this epoch; Ctrl-C again to end after this step")
                return
            }
            cancellation.cancel()
            Interruption.say("ending after this step")
            signal(SIGINT, SIG_DFL)
        }
        source.resume()
    }

    var isRequested: Bool { cancellation.isCancelledAfterEpoch }

    private static func say(_ text: String) {
        FileHandle.standardError.write(Data("\n\(text)\n".utf8))
    }
}

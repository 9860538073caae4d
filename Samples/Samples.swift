import BallastPlugins
import Foundation

/// The program: experiments with regularization.
@main
struct Samples {
    static func main() {
        do {
            if let problem = Kernels.environmentError { throw UsageError(problem) }
            let code = try perform(try Invocation(Array(CommandLine.arguments.dropFirst())))
            if !Terminal.flush() {
                complain("the output cannot be written: \(String(cString: strerror(errno)))")
                exit(1)
            }
            exit(code)
        } catch let error as UsageError {
            complain(error.description)
            exit(2)
        } catch let error as CompositionError {
            complain(error.text(inColor: Terminal.errorsHaveColors))
            exit(1)
        } catch let error as ComparisonError {
            let cause = (error.underlying as? CompositionError)?.text(inColor: Terminal.errorsHaveColors)
            complain(cause.map { "\(error.composition), seed \(error.seed): \($0)" } ?? error.description)
            exit(1)
        } catch {
            complain("\(error)")
            exit(1)
        }
    }

    /// Executes the command, and returns the exit code.
    private static func perform(_ invocation: Invocation) throws -> Int32 {
        let options = invocation.options
        if let threads = options.threads { Kernels.threadCount = threads }
        switch invocation.command {
        case .help:
            print(Help.text(about: invocation.operand))
        case .list:
            print(Help.samples)
        case .fetch:
            print("downloading Fashion-MNIST (31 MB) into \(FashionMNIST.cacheFolder.path)")
            print("Fashion-MNIST is in \(try FashionMNIST.fetch().path)")
        case .newTechnique:
            print(try Scaffold(name: invocation.operand ?? "", options: options.scaffold).write())
        case .plan:
            try Sample.named(invocation.operand ?? "").printPlans(dataFolder: options.dataFolder)
        case .run:
            let sample = try Sample.named(invocation.operand ?? "")
            return try SampleRunner(invocation).run([sample])
        case .ablate:
            return try Ablation(invocation).run(try Sample.named(invocation.operand ?? ""))
        case .effects:
            let samples = try invocation.operand.map { [try Sample.named($0)] } ?? Sample.all
            return try EffectRunner(invocation).run(samples)
        case .tour:
            return try SampleRunner(invocation).run(Sample.all)
        }
        return 0
    }

    private static func complain(_ message: String) {
        Terminal.flush()
        FileHandle.standardError.write(Data("samples: \(message)\n".utf8))
    }
}

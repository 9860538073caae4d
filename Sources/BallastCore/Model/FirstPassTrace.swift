internal import Tensors

/// Which layer's output flows into which site, told by the memory that holds it; kept for the first pass only.
///
/// A wrapper that changes nothing in evaluation, or a layer that only reshapes, passes the same memory on.
final class FirstPassTrace {
    /// What flows into a technique's site.
    struct SiteInput {
        let shape: Shape
        /// The paths of the layers whose output it is.
        let layers: [String]
    }

    /// The smallest vocabulary that the model's input is looked up in, and whose it is.
    private(set) var tokens: TokenLimit?
    private let input: Tensor
    private var sources: [ObjectIdentifier: [String]] = [:]
    /// Keeps the memory, so that no other tensor gets it.
    private var kept: [Tensor] = []

    init(input: Tensor) { self.input = input }

    func record(_ output: Tensor, from path: String) {
        sources[ObjectIdentifier(output.storage), default: []].append(path)
        kept.append(output)
    }

    /// Notes that a layer takes integers below a limit; of use if they are the model's input.
    func note(_ x: Tensor, takenBelow limit: Int, by path: String) {
        guard x.storage === input.storage, limit < tokens?.limit ?? .max else { return }
        tokens = TokenLimit(limit: limit, layer: path)
    }

    func siteInput(_ input: Tensor) -> SiteInput {
        SiteInput(shape: input.shape, layers: sources[ObjectIdentifier(input.storage)] ?? [])
    }
}

/// The tokens that a model takes.
struct TokenLimit {
    let limit: Int
    /// The path of the embedding; empty for the model itself.
    let layer: String

    /// What is wrong with a token, and what to do about it.
    func error(_ token: Int32, _ place: String) -> DataError {
        DataError(
            "token \(token) at \(place) is out of range: the embedding \(layer.isEmpty ? "" : "\"\(layer)\" ")has a vocabulary of \(limit), the tokens 0..<\(limit). Give it a larger one, or map unknown tokens to one that it has"
        )
    }
}

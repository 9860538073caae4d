internal import Tensors

/// Which layer's output flows into which site, told by the memory that holds it; kept for the first pass only.
///
/// A wrapper that changes nothing in evaluation, or a layer that only reshapes, hands on the same memory.
final class DataFlow {
    /// What flows into a technique's site.
    struct SiteInput {
        let shape: Shape
        /// The paths of the layers whose output it is.
        let layers: [String]
    }

    private var sources: [ObjectIdentifier: [String]] = [:]
    /// Keeps the memory, so that no other tensor gets it.
    private var kept: [Tensor] = []

    func record(_ output: Tensor, from path: String) {
        sources[ObjectIdentifier(output.storage), default: []].append(path)
        kept.append(output)
    }

    func siteInput(_ input: Tensor) -> SiteInput {
        SiteInput(shape: input.shape, layers: sources[ObjectIdentifier(input.storage)] ?? [])
    }
}

public import BallastCore

/// Changes the samples of each training batch at random: flips, turns, shifts, scales, slants, crops, recolors, noises and
/// erases images, and jitters tables.
///
/// ```swift
/// DataAugmentation(.horizontalFlip(), .rotation(degrees: 10), .crop(padding: 2), .brightness(0.2))
/// ```
///
/// Each sample goes through the list in order, and draws for each entry whether it happens and its values. Draws are a
/// function of (seed, name, epoch, sample) alone, whatever batch the sample is in. Targets do not change.
/// Adjacent entries among flip, rotation, translation, scale and shear that happen to a sample are multiplied into one map and
/// resampled once, as in torchvision's `RandomAffine`: nothing is blurred twice, and what one moves out of the frame
/// another can bring back.
///
/// - Shape: images `[batch, channels, height, width]`, of 1 or 3 channels for contrast, saturation and hue; noise,
///   feature jitter and masking take `[batch, ...]`. The shape does not change.
/// - Order: batches flow through the techniques from top to bottom; list it before those that mix samples.
/// - State: none. Complexity: one pass over the batch for each entry, on the kernels' threads.
/// - Source: Krizhevsky et al., 2012; Simard et al., 2003. Pixels are those of torchvision for the same drawn values.
public struct DataAugmentation: BatchWrapper {
    /// How pixels are blended with the fill where the edge of a moved image runs through them.
    public enum Border: String, Sendable {
        /// As torchvision does: with a share m of the image, whose pixels (0 outside) interpolate to s, the pixel is
        /// m s + (1 − m) fill. As s holds the factor m once already, an image that equals its fill gets a visible edge
        /// unless the fill is 0.
        case torchvision
        /// As if the fill lay around the image: s + (1 − m) fill. An image that equals its fill stays so.
        case interpolated
    }

    /// The instance's name.
    public let name: String
    /// The changes in the order in which they happen to a sample.
    public let transforms: [Augmentation]
    /// The value of what comes from outside the image.
    public let fill: Float
    /// Black and white: what brightness, contrast, saturation and hue refer to, and clamp to.
    public let range: ClosedRange<Float>
    /// How pixels at the edge of a moved image are blended with the fill.
    public let border: Border

    /// Creates the augmentation.
    ///
    /// - Parameters:
    ///   - transforms: the changes, in order; at least one.
    ///   - fill: the value of what comes from outside the image; finite. For data scaled to −1...1, black is −1.
    ///   - range: black and white of the data, which brightness, contrast, saturation and hue refer to and clamp to.
    ///   - border: how pixels at the edge of a moved image are blended with the fill.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        _ transforms: Augmentation..., fill: Float = 0, range: ClosedRange<Float> = 0...1,
        border: Border = .torchvision, named name: String = "DataAugmentation"
    ) {
        self.init(transforms, fill: fill, range: range, border: border, named: name)
    }

    /// Creates the augmentation from a list made before.
    ///
    /// - Parameters:
    ///   - transforms: the changes, in order; at least one.
    ///   - fill: the value of what comes from outside the image; finite. For data scaled to −1...1, black is −1.
    ///   - range: black and white of the data, which brightness, contrast, saturation and hue refer to and clamp to.
    ///   - border: how pixels at the edge of a moved image are blended with the fill.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        _ transforms: [Augmentation], fill: Float = 0, range: ClosedRange<Float> = 0...1,
        border: Border = .torchvision, named name: String = "DataAugmentation"
    ) {
        let problem = DataAugmentation.problem(with: transforms, fill: fill, range: range)
        require(problem == nil, problem ?? "")
        self.transforms = transforms
        self.fill = fill
        self.range = range
        self.border = border
        self.name = name
    }

    /// What is wrong with settings: the value and what is allowed; nil if nothing is.
    package static func problem(
        with transforms: [Augmentation], fill: Float, range: ClosedRange<Float>
    ) -> String? {
        if transforms.isEmpty {
            return "DataAugmentation: the list of transforms is empty; give at least one, such as .horizontalFlip()"
        }
        if !fill.isFinite { return "DataAugmentation: the fill must be finite but is \(fill)" }
        let width = range.upperBound - range.lowerBound
        guard width > 0, width.isFinite else {
            return "DataAugmentation: the range must reach from a finite value to a greater one but is \(range)"
        }
        return nil
    }

    /// No effect if every entry has probability 0.
    public var traits: Set<TechniqueTrait> { transforms.allSatisfy { $0.probability == 0 } ? [.noEffect] : [] }

    /// Returns the batch with each sample changed by what it draws.
    public func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        var changed = batch
        changed.input = altered(batch.input, streams: batch.samples.map { context.random(sample: $0) })
        return changed
    }

    /// The samples, each changed by what its stream draws.
    package func altered(_ input: Tensor, streams: [RandomStream]) -> Tensor {
        let shape = Shape(input.shape.dropFirst())
        let found = problems(withSamplesOf: shape, input.scalarType)
        require(found.isEmpty, "\(name): \(found.map(\.message).joined(separator: "; "))")
        guard input.elementCount > 0 else { return input }
        let extent = Extent(shape)
        let wordCount = wordCount
        let scratchCount = SampleEditor.scratchCount(for: extent, windowArea: windowArea)
        var output = input.detached
        output.withUnsafeMutableFloats { floats in
            guard let start = floats.baseAddress else { return }
            nonisolated(unsafe) let samples = start  // every sample is written by one piece only
            parallelFor(count: streams.count, grain: max(1, 8192 / extent.elementCount)) { piece in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: scratchCount) { scratch in
                    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: wordCount) { words in
                        guard let scratch = scratch.baseAddress else { return }
                        for sample in piece {
                            let editor = SampleEditor(
                                pixels: samples + sample * extent.elementCount, extent: extent, scratch: scratch,
                                fill: fill, range: range, border: border)
                            alter(editor, streams[sample], words)
                        }
                    }
                }
            }
        }
        return output
    }

    private func alter(_ editor: SampleEditor, _ stream: RandomStream, _ words: UnsafeMutableBufferPointer<UInt32>) {
        var editor = editor
        draw(from: stream, for: editor.extent, words) { editor.apply($0) }
        editor.finish()
    }

    /// What a sample of an extent draws from its stream.
    package func alterations(from stream: RandomStream, for extent: Extent) -> [Alteration] {
        var drawn: [Alteration] = []
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: wordCount) { words in
            draw(from: stream, for: extent, words) { drawn.append($0) }
        }
        return drawn
    }

    /// Entries take their words from the stream one after the other, and the noise of entry k from branch k.
    @inline(__always)
    private func draw(
        from stream: RandomStream, for extent: Extent, _ words: UnsafeMutableBufferPointer<UInt32>,
        _ body: (Alteration) -> Void
    ) {
        stream.fill(words)
        guard var next = UnsafePointer(words.baseAddress) else { return }
        for (position, transform) in transforms.enumerated() {
            let drawn = transform.draw(next, noise: stream.branch(position), extent: extent, fill: fill)
            if let drawn { body(drawn) }
            next += transform.wordCount
        }
    }

    private var wordCount: Int { transforms.reduce(0) { $0 + $1.wordCount } }

    /// The largest area of a window that a crop takes.
    private var windowArea: Int {
        transforms.reduce(0) { area, transform in
            guard case .crop(let height?, let width?, _) = transform.kind else { return area }
            return max(area, height * width)
        }
    }

    /// One sample with alterations whose values are given: what ``altered(_:streams:)`` does with drawn ones.
    package func applying(_ alterations: [Alteration], to sample: Tensor) -> Tensor {
        let extent = Extent(sample.shape)
        var windowArea = 0
        for case .crop(_, _, let height, let width, _) in alterations { windowArea = max(windowArea, height * width) }
        var changed = sample.detached
        changed.withUnsafeMutableFloats { floats in
            let count = SampleEditor.scratchCount(for: extent, windowArea: windowArea)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { scratch in
                guard let pixels = floats.baseAddress, let scratch = scratch.baseAddress else { return }
                var editor = SampleEditor(
                    pixels: pixels, extent: extent, scratch: scratch, fill: fill, range: range, border: border)
                for alteration in alterations { editor.apply(alteration) }
                editor.finish()
            }
        }
        return changed
    }
}

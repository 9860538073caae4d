import Ballast
import Testing

@Suite struct GlyphsTests {
    @Test func `the same seed gives the same images, on every machine`() {
        let images = Glyphs.generate(training: 200, test: 100, seed: 7)
        #expect(images == Glyphs.generate(training: 200, test: 100, seed: 7))
        #expect(images.training.pixels != Glyphs.generate(training: 200, test: 100, seed: 8).training.pixels)
        // A checksum from x86-64 Linux: a change of it changes every published number.
        let checksum = images.training.pixels.withUnsafeBytes { Gzip.checksum($0) }
        #expect(checksum == 0x933F_6D55)
    }

    @Test func `fewer images are the first ones of more`() {
        let (few, many) = (Glyphs.generate(training: 25, test: 5), Glyphs.generate(training: 60, test: 5))
        #expect(few.training.labels == Array(many.training.labels.prefix(25)))
        #expect(few.training.pixels == Array(many.training.pixels.prefix(25 * 784)))
        #expect(few.test == many.test)
    }

    @Test func `classes are equally frequent and the splits differ`() {
        let images = Glyphs.generate(training: 500, test: 500)
        for split in [images.training, images.test] {
            #expect(split.count == 500 && split.pixels.count == 500 * 784)
            for label in 0..<10 as Range<Int32> { #expect(split.labels.count { $0 == label } == 50) }
        }
        #expect(images.training.pixels != images.test.pixels)
        #expect(images.training.labels != images.test.labels)
        #expect(images.classNames.count == 10)
    }

    @Test func `no images are no images`() {
        let images = Glyphs.generate(training: 0, test: 0)
        #expect(images.training.count == 0 && images.test.pixels.isEmpty)
        #expect(images.description == "glyphs generated with seed 1: 0 images to train on, 0 to test on")
    }
}

import Testing

@testable import samples

@Suite struct OrderedOutputTests {
    @Test func `output is ordered by run, that of the first at once`() {
        let output = OrderedOutput()
        var written: [String] = []
        func write(_ run: Int, _ text: String) { output.write(run) { written.append(text) } }
        write(1, "1a")
        write(0, "0a")
        write(2, "2a")
        #expect(written == ["0a"])
        #expect(output.isFirst(0) && !output.isFirst(1))
        write(1, "1b")
        write(0, "0b")
        output.finish(0)
        #expect(written == ["0a", "0b", "1a", "1b"])
        write(1, "1c")
        #expect(written.last == "1c")
        output.finish()
        #expect(written == ["0a", "0b", "1a", "1b", "1c", "2a"], "nothing is lost where a run before it never ended")
    }
}

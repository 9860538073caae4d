import Testing

@testable import samples

@Suite struct TurnsTests {
    @Test func `what runs say comes out run by run, the first of them at once`() {
        let turns = Turns()
        var said: [String] = []
        func say(_ run: Int, _ text: String) { turns.take(run) { said.append(text) } }
        say(1, "1a")
        say(0, "0a")
        say(2, "2a")
        #expect(said == ["0a"])
        #expect(turns.isFront(0) && !turns.isFront(1))
        say(1, "1b")
        say(0, "0b")
        turns.end(0)
        #expect(said == ["0a", "0b", "1a", "1b"])
        say(1, "1c")
        #expect(said.last == "1c")
        turns.end()
        #expect(said == ["0a", "0b", "1a", "1b", "1c", "2a"], "nothing is lost where a run before it never ended")
    }
}

/// A mistake on the command line, with what to do. The program ends with code 2.
struct UsageError: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    /// An unknown word.
    init(unknown what: String, _ word: String, among words: [String], listed: [String]? = nil) {
        let suggestion = nearest(to: word, among: words).map { "; did you mean \($0)?" } ?? "."
        let valid = (listed ?? words).joined(separator: ", ")
        self.init("unknown \(what) \"\(word)\"\(suggestion) Valid: \(valid)")
    }
}

/// The most likely intended word, if one is close: by letters added, left out, changed or swapped, or by prefix.
func nearest(to word: String, among words: [String]) -> String? {
    let started = words.filter { !word.isEmpty && $0.hasPrefix(word) }
    if started.count == 1 { return started[0] }
    let ranked = words.map { (word: $0, distance: distance(word, $0)) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }), best.distance <= max(1, best.word.count / 3) else {
        return nil
    }
    return best.word
}

/// The number of letters to add, leave out, change, or swap with their neighbour, to turn one word into another.
private func distance(_ first: String, _ second: String) -> Int {
    let (a, b) = (Array(first), Array(second))
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
        var row = [i + 1]
        for j in b.indices {
            var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, beforeLast[j - 1] + 1) }
            row.append(best)
        }
        (beforeLast, last) = (last, row)
    }
    return last[b.count]
}

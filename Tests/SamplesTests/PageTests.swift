import BallastPlugins
import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct PageTests {
    /// The first mistake that a parser of XML finds.
    private func mistake(in page: String) -> String? {
        let parser = XMLParser(data: Data(page.utf8))
        return parser.parse()
            ? nil : "line \(parser.lineNumber): \(parser.parserError.map { "\($0)" } ?? "not well-formed")"
    }

    /// What would make a browser ask a network or another file.
    private func references(in page: String) -> [String] {
        let outside = ["http:", "https:", "//", "@import", "url(", "<link", "<iframe", "import(", "fetch("]
        let images = page.components(separatedBy: "src=\"").dropFirst().filter {
            !$0.hasPrefix("data:image/png;base64,")
        }
        let text = page.components(separatedBy: "base64,").enumerated().map { part, text in
            // Base64 may hold two slashes.
            part == 0 ? text[...] : text.drop { $0 != "\"" }
        }
        return outside.filter { word in text.contains { $0.contains(word) } } + images
    }

    /// The page without the cells that hold times.
    private func timeless(_ page: String) -> String {
        page.components(separatedBy: #"<td class="time">"#).enumerated().map { part, text in
            part == 0 ? text : String(text.drop { $0 != "<" })
        }.joined()
    }

    @Test(arguments: ["weight-decay", "noisy-line", "sparse-features", "small-images", "uncertainty", "transformer"])
    func `a sample's page is well-formed, whole, and asks for nothing from elsewhere`(sample: String) throws {
        try Program.inFolder { program in
            let outcome = try program.run("run \(sample) --quick --epochs 2")
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("The page: runs/\(sample).html"))
            let page = try program.text("runs/\(sample).html")
            #expect(mistake(in: page) == nil)
            #expect(references(in: page) == [])
            for part in ["What to look for.", "Validation loss", "cost per technique", "The plan:", "lossPenalty"] {
                #expect(page.contains(part), "\(part)")
            }
            let special = [
                "noisy-line": "Fitted curves", "sparse-features": "Support recovered",
                "small-images": "data:image/png", "uncertainty": "mean ± 2 deviations",
            ]
            if let part = special[sample] { #expect(page.contains(part)) }
        }
    }

    @Test func `the same seed gives the same page but for times, with any number of threads`() throws {
        try Program.inFolder { program in
            func page(_ seed: Int, threads: String) throws -> String {
                let line = "run noisy-line --epochs 7 --seeds 2 --page p.html --seed \(seed)"
                #expect(try program.run(line, environment: ["BALLAST_THREADS": threads]).code == 0)
                return timeless(try program.text("p.html"))
            }
            let first = try page(3, threads: "1")
            #expect(try page(3, threads: "2") == first)
            #expect(try page(4, threads: "1") != first)
            #expect(first.contains(#"<polygon class="band"#), "several seeds have a band")
        }
    }

    @Test func `after Ctrl-C the page holds what has run`() throws {
        try Program.inFolder { program in
            let outcome = try program.run("run weight-decay --epochs 100000 --page p.html", interrupting: true)
            #expect(outcome.code == 130, "\(outcome.errors)")
            let page = try program.text("p.html")
            #expect(mistake(in: page) == nil)
            #expect(page.contains("<td>cancelled</td>"))
        }
    }

    @Test func `a page that cannot be written ends the program with its path`() throws {
        try Program.inFolder { program in
            let outcome = try program.run("run weight-decay --epochs 2 --page /dev/null/page.html")
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("/dev/null"), "\(outcome.errors)")
        }
    }

    @Test func `techniques are left out or kept alone`() throws {
        try Program.inFolder { program in
            let without = try program.run("run fashion-mnist --quick --epochs 1 --without EarlyStopping --page p.html")
            #expect(without.output.contains("dropout+decay+early-stopping without EarlyStopping  "))
            #expect(without.output.contains("rms-norm  "))
            let only = try program.run("run noisy-line --epochs 2 --only Dropout --page p.html")
            #expect(only.output.contains("dropout-0.3+early-stopping only Dropout  "))
            #expect(!only.output.contains("l2-0.1  ") && only.output.contains("\nnone  "))
            let wrong = try program.run("run noisy-line --without Droput")
            #expect(wrong.code == 2)
            #expect(wrong.errors.contains("there is no technique \"Droput\"; did you mean Dropout?"))
        }
    }

    @Test func `an ablation shows the difference that each technique makes, with its interval`() throws {
        try Program.inFolder { program in
            let line = "ablate noisy-line --composition dropout-0.3+early-stopping --epochs 30 --seeds 3 --page p.html"
            let outcome = try program.run(line)
            #expect(outcome.code == 0, "\(outcome.errors)")
            for technique in ["Dropout", "EarlyStopping"] {
                let row = outcome.output.split(separator: "\n").first { $0.hasPrefix(technique + "  ") }
                #expect(row?.contains(" ± ") == true, "\(outcome.output)")
            }
            let page = try program.text("p.html")
            #expect(mistake(in: page) == nil)
            #expect(page.contains("Left out, one at a time"))
            let wrong = try program.run("ablate noisy-line --composition dropuot-0.1")
            #expect(wrong.code == 2 && wrong.errors.contains("did you mean dropout-0.1?"), "\(wrong.errors)")
            let empty = try program.run("ablate noisy-line --composition none")
            #expect(empty.code == 2 && empty.errors.contains("has no technique that could be left out"))
        }
    }

    @Test func `values that cannot be drawn are left out, and text is escaped`() {
        let nan = Double.nan
        let chart = Chart(
            "a < b & \"c\"", x: .init("x"), y: .init("y", isLogarithmic: true),
            [
                .init("one", x: [1, 2, 3, 4], y: [0, 0.01, .infinity, 1]), .init("nothing", x: [1], y: [nan]),
                .init("dots", .points, x: [nan, 2], y: [1, 1]), .init("empty", x: [], y: []),
            ])
        #expect(mistake(in: chart.html) == nil)
        #expect(chart.html.contains("a &lt; b &amp; &quot;c&quot;"))
        #expect(chart.html.contains(#"data-values="2 0.01;4 1""#))
        #expect(!chart.html.contains("nan") && !chart.html.contains("inf"))
        #expect(mistake(in: Chart("", x: .init(""), y: .init(""), []).html) == nil)
    }

    @Test func `a band reaches as far below as above, whatever the sign`() {
        let series = Chart.Series("a", x: [0, 1], y: [-1, 1], spread: [0.5, 0.5])
        let html = Chart("", x: .init(""), y: .init("", range: -2...2), [series]).html
        let points = html.components(separatedBy: "band k0\" points=\"")[1].prefix { $0 != "\"" }
        let heights = points.split(separator: " ").compactMap { Double($0.split(separator: ",")[1]) }
        // 222 units for 4: above, above, then back below.
        #expect(heights.count == 4)
        for (height, value) in zip(heights, [-0.5, 1.5, 0.5, -1.5]) {
            #expect(abs(height - (230 - (value + 2) / 4 * 222)) < 0.1, "\(heights)")
        }
    }

    @Test func `a long curve is thinned, and keeps its end`() {
        let x = (0..<10_001).map(Double.init)
        let html = Chart("", x: .init("x"), y: .init("y"), [.init("a", x: x, y: x)]).html
        let values = html.components(separatedBy: "data-values=\"")[1].prefix { $0 != "\"" }.split(separator: ";")
        #expect(values.count <= 162 && values.last == "1e+04 1e+04")
    }

    @Test func `images become a PNG of their size`() throws {
        let grid = ImageGrid("t", images: [[[0, 1, 0.5, .nan]]], side: 2)
        let data = try #require(
            Data(base64Encoded: String(grid.html.components(separatedBy: "base64,")[1].prefix { $0 != "\"" })))
        #expect(Array(data.prefix(8)) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
        // Width and height of the header, then the length of the data: zlib's head, one stored block, its sum.
        #expect(Array(data[16..<24]) == [0, 0, 0, 3, 0, 0, 0, 3])
        #expect(Array(data[33..<37]) == [0, 0, 0, 2 + 5 + 12 + 4])
        #expect(Array(data[48..<60]) == [0, 0, 255, 128, 0, 128, 0, 128, 0, 128, 128, 128])
    }
}

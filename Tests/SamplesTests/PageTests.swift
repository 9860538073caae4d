import BallastPlugins
import Foundation
import Testing

@testable import samples

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

    /// The page without the elements that hold times.
    private func timeless(_ page: String) -> String {
        page.components(separatedBy: #"class="time"#).enumerated().map { part, text in
            part == 0 ? text : String(text.drop { $0 != "<" })
        }.joined()
    }

    @Test(arguments: Sample.all.map(\.name))
    func `a sample's page is well-formed, whole, and loads nothing from elsewhere`(sample: String) throws {
        try Program.inFolder { program in
            let outcome = try program.run("run \(sample) --quick --epochs 2")
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("The page: runs/\(sample).html"))
            let page = try program.text("runs/\(sample).html")
            #expect(mistake(in: page) == nil)
            #expect(references(in: page) == [])
            for part in [
                "What to look for.", "observed: ", "Validation loss", "cost per technique", "The plan:",
                "lossPenalty",
            ] {
                #expect(page.contains(part), "\(part)")
            }
            let special = [
                "noisy-line": "Fitted curves", "sparse-features": "Support recovered",
                "small-images": "data:image/png", "uncertainty": "mean ± 2 deviations",
                "fashion-mnist": "data:image/png", "transformer": "none: memorizing and generalizing",
            ]
            if let part = special[sample] { #expect(page.contains(part)) }
        }
    }

    @Test func `the same seed gives the same page but for times, with any number of threads and of runs at once`()
        throws
    {
        try Program.inFolder { program in
            /// The page, the lines of epochs without their speed, and the objects.
            func outcome(
                _ seed: Int, threads: String, jobs: String
            ) throws -> (page: String, lines: [String], objects: NSArray) {
                let line = "run noisy-line --epochs 7 --seeds 2 --page p.html --seed \(seed)\(jobs) --json out.jsonl"
                let outcome = try program.run(line, environment: ["BALLAST_THREADS": threads])
                #expect(outcome.code == 0, "\(outcome.errors)")
                let page = try program.text("p.html")
                #expect(page.contains(jobs == " --jobs 3" ? "3 runs in parallel, 1 thread each" : "time per run: "))
                let lines = outcome.output.split(separator: "\n").filter { $0.contains("  epoch ") }.map { line in
                    line.split(separator: " ").dropLast(2).joined(separator: " ")
                }
                return (timeless(page), lines, try program.objects("out.jsonl") as NSArray)
            }
            let (first, lines, objects) = try outcome(3, threads: "1", jobs: "")
            for (threads, jobs) in [("2", ""), ("2", " --jobs 1"), ("1", " --jobs=2"), ("4", " --jobs 3")] {
                let other = try outcome(3, threads: threads, jobs: jobs)
                #expect(other.page == first, "\(threads) threads\(jobs)")
                #expect(other.lines == lines, "\(threads) threads\(jobs)")
                #expect(other.objects == objects, "\(threads) threads\(jobs)")
            }
            #expect(lines.contains { $0.hasPrefix("none, seed 4 epoch 7/7 loss") })
            #expect(try outcome(4, threads: "1", jobs: "").page != first)
            #expect(first.contains(#"<polygon class="band"#), "several seeds have a band")
        }
    }

    @Test func `after Ctrl-C the page holds what has run`() throws {
        try Program.inFolder { program in
            let outcome = try program.run("run weight-decay --epochs 100000 --page p.html", interruptingAt: "  epoch ")
            #expect(outcome.code == 130, "\(outcome.errors)")
            let page = try program.text("p.html")
            #expect(mistake(in: page) == nil)
            #expect(page.contains("<td>cancelled</td>"))
            #expect(
                !page.contains("<li>observed") && !page.contains("<li>not observed"), "a cancelled run has no effects")
        }
    }

    @Test func `an ablation that Ctrl-C has ended resumes as it says, to the same page`() throws {
        try Program.inFolder { program in
            let line = "ablate weight-decay --composition l2 --epochs 1000 --seeds 2 --page p.html"
            let stopped = try program.run("\(line) --checkpoint saved", interruptingAt: "data: ")
            #expect(stopped.code == 130, "\(stopped.errors)")
            #expect(stopped.output.contains(" samples \(line) --checkpoint saved --resume"))
            let resumed = try program.run("\(line) --checkpoint saved --resume --jobs 1")
            #expect(resumed.code == 0, "\(resumed.errors)")
            let page = timeless(try program.text("p.html"))
            #expect(try program.run(line).code == 0)
            #expect(try timeless(program.text("p.html")) == page)
        }
    }

    @Test func `sections with the same heading have identifiers of their own, which the links name`() {
        var report = HTMLReport("Twice")
        report.sections = ["L2 (0.1)", "l2-(0.1)", "L2 (0.1)", "l2--0-1--2"].map { HTMLReport.Section($0) }
        let page = report.html
        #expect(mistake(in: page) == nil)
        for anchor in ["l2--0-1-", "l2--0-1--2", "l2--0-1--3", "l2--0-1--2-2"] {
            #expect(page.components(separatedBy: #"<section id="\#(anchor)">"#).count == 2, "\(anchor)")
            #expect(page.components(separatedBy: ##"<a href="#\##(anchor)">"##).count == 2, "\(anchor)")
        }
    }

    @Test func `a name cannot turn the page's text around, nor break it`() {
        let hidden = "\u{202E}\u{2066}\u{200F}\u{61C}\u{7F}\u{85}\u{FFFF}\u{FFFE}\u{1}"
        let report = HTMLReport("L2\(hidden)<script>é 🚢")
        #expect(mistake(in: report.html) == nil)
        #expect(report.html.contains("<h1>L2&lt;script&gt;é 🚢</h1>"))
    }

    @Test func `a page that cannot be written ends the program with its path`() throws {
        try Program.inFolder { program in
            // The program's errors are in a file of this name: it cannot be the page's folder.
            let outcome = try program.run("run weight-decay --epochs 2 --page errors.txt/page.html")
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("/errors.txt"), "\(outcome.errors)")
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
            #expect(wrong.errors.contains("\"Droput\"") && wrong.errors.contains(" Dropout"))
        }
    }

    @Test func `an ablation shows the difference that each technique makes, with its interval`() throws {
        try Program.inFolder { program in
            let line =
                "ablate noisy-line --composition dropout-0.3+early-stopping --epochs 30 --seeds 3 --page p.html --json j"
            let outcome = try program.run(line)
            #expect(outcome.code == 0, "\(outcome.errors)")
            for technique in ["Dropout", "EarlyStopping"] {
                let row = outcome.output.split(separator: "\n").first { $0.hasPrefix(technique + "  ") }
                #expect(row?.contains(" ± ") == true, "\(outcome.output)")
            }
            let page = try program.text("p.html")
            #expect(mistake(in: page) == nil)
            #expect(page.contains("Left out, one at a time") && page.contains("The plan:"))
            let objects = try program.objects("j")
            #expect(objects.filter { $0["final"] != nil }.count == 3 * 3)
            let differences = objects.filter { $0["leftOut"] != nil }
            #expect(differences.compactMap { $0["leftOut"] as? String } == ["Dropout", "EarlyStopping"])
            #expect(differences.allSatisfy { $0["halfInterval"] is Double && $0["seeds"] as? Int == 3 })
            let wrong = try program.run("ablate noisy-line --composition dropuot-0.1")
            #expect(wrong.code == 2 && wrong.errors.contains(" dropout-0.1"), "\(wrong.errors)")
            let empty = try program.run("ablate noisy-line --composition none")
            #expect(empty.code == 2 && empty.errors.contains("\"none\""))
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

    @Test func `a line keeps its beginning on a logarithmic axis, and its values name their spread`() {
        let x = (1...600).map(Double.init)
        let line = Chart("", x: .init("x", isLogarithmic: true), y: .init("y"), [.init("a", x: x, y: x)]).html
        #expect(line.contains("data-values=\"1 1;2 2;3 3;4 4;"))
        #expect(line.contains("600 600\"") && line.components(separatedBy: ";").count < 200)
        let band = Chart("", x: .init("x"), y: .init("y"), [.init("a", x: [1, 2], y: [3, 4], spread: [0.5, 0.25])])
        #expect(band.html.contains("data-values=\"1 3 0.5;2 4 0.25\""))
    }

    @Test func `columns of sentences may break their lines, and how times were measured is below them`() {
        let sentence = String(repeating: "word ", count: 9)
        let table = HTMLReport.Table(
            "t", rows: [["a", "b", "c", "d"], [sentence, sentence, "1", "2"]], timeColumns: [3], timing: "By the clock."
        )
        var report = HTMLReport("t")
        report.sections.append(HTMLReport.Section("s", observations: ["a < b"], tables: [table]))
        #expect(report.html.contains("<tr><th>a</th><th class=\"long\">b</th><th>c</th><th>d</th></tr>"))
        #expect(report.html.contains("<td class=\"long\">\(sentence)</td><td>1</td><td class=\"time\">2</td></tr>"))
        #expect(report.html.contains(#"<p class="time note">By the clock.</p>"#))
        #expect(report.html.contains("<ul><li>a &lt; b</li></ul>"))
        #expect(mistake(in: report.html) == nil)
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

extension HTMLReport {
    private static let light = [
        "#5c6670", "#1f6feb", "#d9480f", "#2b8a3e", "#9c36b5", "#c2255c", "#0b7285", "#a87f00", "#5f3dc4", "#862e2e",
        "#00897b", "#648a1e",
    ]
    private static let dark = [
        "#b4bcc4", "#6cb6ff", "#ff922b", "#69db7c", "#da77f2", "#f783ac", "#3bc9db", "#ffd43b", "#b197fc", "#ffa8a8",
        "#63e6be", "#c0eb75",
    ]

    /// How the page looks: light or dark as the reader's system is, on a phone as on a desk.
    static var style: String {
        func colors(_ values: [String]) -> String {
            values.enumerated().map { ".k\($0.offset){--k:\($0.element)}" }.joined()
        }
        return """

            :root{color-scheme:light dark;--back:#fff;--ink:#1b1f24;--soft:#59636e;--line:#dfe3e8;--look:#f3f6fa}
            \(colors(light))
            @media (prefers-color-scheme:dark){
            :root{--back:#14171a;--ink:#e8eaed;--soft:#a0a8b0;--line:#343a40;--look:#1e2328}
            \(colors(dark))
            }
            *{box-sizing:border-box}
            body{margin:0 auto;padding:1rem;max-width:76rem;background:var(--back);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
            h1{margin:.5rem 0;font-size:1.7rem}h2{margin:0 0 .5rem;font-size:1.35rem}h3{margin:1rem 0 .2rem;font-size:1rem}
            p{margin:.4rem 0;max-width:50rem}
            nav{display:flex;flex-wrap:wrap;gap:.3rem 1rem;margin:.6rem 0}a{color:inherit}
            section{margin:1.5rem 0;padding-top:1.5rem;border-top:1px solid var(--line)}
            .look{padding:.6rem .9rem;background:var(--look);border-radius:.5rem;max-width:52rem}
            .look ul{margin:.4rem 0;padding-left:1.2rem}
            .note{color:var(--soft);font-size:.875rem}
            .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.2rem;margin:1rem 0}
            figure{margin:0;min-width:0;max-width:40rem;position:relative}
            figcaption,caption{font-weight:600;text-align:left;margin-bottom:.3rem}
            svg{display:block;width:100%;height:auto;overflow:hidden}
            svg text{font:11px system-ui,sans-serif;fill:var(--soft)}svg .axis{font-size:12px}
            .end{text-anchor:end}.middle{text-anchor:middle}
            .grid{stroke:var(--line);stroke-width:.7;fill:none}.box{stroke:var(--line);fill:none}
            .line{stroke:var(--k);stroke-width:1.7;fill:none;stroke-linejoin:round}.faint{stroke-width:.5;opacity:.45}
            .band{fill:var(--k);opacity:.16}circle.dot{fill:var(--k)}
            .dim{opacity:.12}.legend li{cursor:default}
            .dashed{stroke-dasharray:5 3}
            .cursor{stroke:var(--soft);stroke-width:.8;fill:none;pointer-events:none}
            .legend{display:flex;flex-wrap:wrap;gap:.1rem .9rem;margin:.4rem 0;padding:0;list-style:none;font-size:.82rem}
            .legend i{display:inline-block;width:1.1em;height:3px;margin-right:.4em;vertical-align:middle;background:var(--k)}
            .legend .dashed i{background:repeating-linear-gradient(90deg,var(--k) 0 5px,transparent 5px 8px)}
            .legend i.dot{width:8px;height:8px;border-radius:50%}
            .tip{position:absolute;z-index:1;pointer-events:none;padding:.3rem .5rem;border:1px solid var(--line);border-radius:.3rem;background:var(--back);font-size:.75rem;line-height:1.35;white-space:pre;left:0}
            .images img{max-width:100%;height:auto;image-rendering:pixelated}
            .wide{overflow-x:auto;margin:1rem 0}
            table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
            th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap;font-weight:400}
            tr:first-child th{color:var(--soft);border-bottom-width:2px}
            th:first-child{text-align:left;position:sticky;left:0;background:var(--back)}td:last-child,th:last-child{text-align:left}
            .long,td.time:last-child{min-width:13rem;white-space:normal}th.long,td.long{text-align:left}
            @media (max-width:40rem){th:first-child{white-space:normal;overflow-wrap:anywhere;min-width:8rem}}
            pre{overflow-x:auto;font-size:.78rem;line-height:1.4}
            details{margin:1rem 0}summary{cursor:pointer}

            """
    }

    /// Shows the values under the pointer. Written without the two characters that XML would escape.
    static let script = """

        for (const figure of document.querySelectorAll("figure.chart")) {
          const svg = figure.querySelector("svg"), cursor = figure.querySelector(".cursor");
          const lines = Array.from(figure.querySelectorAll("polyline[data-values]"), function (line) {
            const places = line.getAttribute("points").split(" ").map(function (p) { return parseFloat(p); });
            return { name: line.dataset.name, places: places, values: line.dataset.values.split(";") };
          });
          if (lines.length === 0) continue;
          let tip = null;
          for (const entry of figure.querySelectorAll(".legend li")) {
            const dim = function (isOnly) {
              for (const line of figure.querySelectorAll("polyline[data-name]"))
                line.classList.toggle("dim", isOnly ? line.dataset.name !== entry.textContent : false);
            };
            entry.addEventListener("pointerenter", function () { dim(true); });
            entry.addEventListener("pointerleave", function () { dim(false); });
          }
          const leave = function () { if (tip) tip.remove(); tip = null; cursor.setAttribute("d", ""); };
          svg.addEventListener("pointerleave", leave);
          const show = function (event) {
            const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * 420;
            let at = null, best = Infinity;
            for (const line of lines) for (const place of line.places)
              if (best > Math.abs(place - x)) { best = Math.abs(place - x); at = place; }
            const found = new Map();
            let title = "";
            for (const line of lines) {
              const index = line.places.findIndex(function (place) { return 1.5 > Math.abs(place - at); });
              if (index === -1) continue;
              const value = line.values[index].split(" ");
              if (title === "") title = svg.querySelector(".axis").textContent + " " + value[0];
              if (!found.has(line.name)) found.set(line.name, []);
              found.get(line.name).push(value);
            }
            /* Lines of one name are shown together, from the lowest to the highest. */
            const rows = Array.from(found, function (entry) {
              const values = entry[1].sort(function (a, b) { return a[1] - b[1]; });
              const low = values[0], high = values[values.length - 1];
              const band = low.length === 3 ? " ± " + low[2] : low[1] === high[1] ? "" : " to " + high[1];
              return [parseFloat(high[1]), entry[0] + ": " + low[1] + band];
            });
            if (!tip) { tip = document.createElement("div"); tip.className = "tip"; figure.append(tip); }
            rows.sort(function (a, b) { return b[0] - a[0]; });
            tip.textContent = [title].concat(rows.map(function (row) { return row[1]; })).join("\\n");
            const frame = figure.getBoundingClientRect(), left = event.clientX - frame.left;
            const wanted = left > box.width / 2 ? left - tip.offsetWidth - 12 : left + 12;
            tip.style.top = "2rem";
            tip.style.left = Math.max(0, Math.min(wanted, frame.width - tip.offsetWidth)) + "px";
            cursor.setAttribute("d", "M" + at + " 8V230");
          };
          svg.addEventListener("pointermove", show);
          svg.addEventListener("pointerdown", show);
        }

        """
}

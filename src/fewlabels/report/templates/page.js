// Draws the charts of a report. All figures were computed in Python; here they are only chosen and drawn.
(function () {
  "use strict";
  const charts = JSON.parse(document.getElementById("report-data").textContent).charts;
  const config = {
    displaylogo: false,
    displayModeBar: window.innerWidth < 740 ? false : "hover",
    showSendToCloud: false, // plotly's default offers to upload the data
    plotlyServerURL: "",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };
  const BLUES = [[0, "#ffffff"], [0.02, "#eaf3f9"], [0.25, "#a9d0e8"], [0.6, "#2f8cc4"], [1, "#00406b"]];
  document.documentElement.classList.add("js");

  // What is drawn for the values of a chart's select boxes; undefined where there is nothing. The outer boxes decide
  // what the inner ones offer: what is not there is disabled, and a value that has gone gives way to the first.
  function chosen(name) {
    let choice = charts[name].choices;
    for (const box of document.querySelectorAll(`select[data-chart="${name}"]`)) {
      const options = [...box.options];
      for (const option of options) option.disabled = !Object.hasOwn(choice, option.value);
      const first = options.find((option) => !option.disabled);
      if (first === undefined) return undefined;
      if (!Object.hasOwn(choice, box.value)) box.value = first.value;
      choice = choice[box.value];
    }
    return choice;
  }

  function draw(name) {
    const place = document.getElementById(`chart-${name}`);
    const choice = chosen(name);
    place.hidden = choice === undefined;
    document.getElementById(`absent-${name}`).hidden = choice !== undefined;
    if (choice === undefined) return;
    const figure = charts[name].kind === "heat map" ? heatMap(name, choice) : choice;
    const { traces, layout } = Array.isArray(figure) ? { traces: figure } : figure;
    Plotly.react(place, traces, structuredClone({ ...charts[name].layout, ...layout }), config);
  }

  // Counts [true, predicted] as a heat map of row shares, with the counts on hover.
  function heatMap(name, counts) {
    const names = charts[name].classes;
    const sums = counts.map((row) => row.reduce((sum, count) => sum + count, 0));
    const few = counts.length <= 12;
    return [{
      type: "heatmap",
      z: counts.map((row, i) => row.map((count) => (sums[i] ? (100 * count) / sums[i] : 0))),
      customdata: counts.map((row, i) => row.map((count, j) => [names[i], names[j], count, sums[i]])),
      texttemplate: few ? "%{z:.0f}" : "",
      zmin: 0,
      zmax: 100,
      xgap: counts.length <= 40 ? 1 : 0,
      ygap: counts.length <= 40 ? 1 : 0,
      colorscale: BLUES,
      showscale: false,
      hovertemplate: "true %{customdata[0]}<br>predicted %{customdata[1]}<br>"
        + "%{customdata[2]} of %{customdata[3]} (%{z:.1f}%)<extra></extra>",
    }];
  }

  // A chart with a legend in HTML, which wraps on a phone and can be worked from the keyboard.
  function lines(name) {
    const place = document.getElementById(`chart-${name}`);
    const keys = [...document.querySelectorAll(`[data-chart="${name}"] button[data-line]`)];
    if (keys.length === 0) return;
    const traces = charts[name].choices;
    const first = new Set(traces.filter((trace) => trace.visible).map((trace) => trace.meta.line));
    let shown = first;
    const show = function (wanted) {
      shown = wanted;
      for (const key of keys) key.setAttribute("aria-pressed", String(shown.has(key.dataset.line)));
      Plotly.restyle(place, { visible: traces.map((trace) => shown.has(trace.meta.line)) });
    };
    const among = (has) => new Set(keys.filter(has).map((key) => key.dataset.line));
    const groups = { default: () => new Set(first), all: () => among(() => true) };
    for (const kind of ["arms", "pretrained", "controls"]) groups[kind] = () => among((key) => key.dataset.kind === kind);
    show(new Set(first));
    for (const key of keys) {
      key.addEventListener("click", () => {
        const wanted = new Set(shown);
        if (!wanted.delete(key.dataset.line)) wanted.add(key.dataset.line);
        show(wanted);
      });
    }
    for (const button of document.querySelectorAll(`[data-chart="${name}"] button[data-group]`)) {
      button.addEventListener("click", () => show(groups[button.dataset.group]()));
    }
  }

  // A chart follows its place: when the window is narrowed, and when what folds away is opened.
  const sizes = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      if (contentRect.width > 0 && target.layout?.autosize !== false) Plotly.Plots.resize(target);
    }
  });
  for (const name of Object.keys(charts)) {
    draw(name);
    lines(name);
    for (const box of document.querySelectorAll(`select[data-chart="${name}"]`)) {
      box.addEventListener("change", () => draw(name));
    }
    sizes.observe(document.getElementById(`chart-${name}`));
  }

  // A link to what is folded away opens it.
  const open = () => {
    document.getElementById(location.hash.slice(1))?.querySelector("details.fold")?.setAttribute("open", "");
  };
  window.addEventListener("hashchange", open);
  open();

  // Paper is narrower than most windows: draw at its width while printing, and print the figures of the main chart.
  const PAPER = 660;
  const drawn = () => [...document.querySelectorAll(".js-plotly-plot")].filter((place) => !place.hidden);
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details.printed").forEach((details) => { details.open = true; });
    for (const place of drawn()) {
      const square = place.classList.contains("confusion");
      Plotly.relayout(place, { autosize: false, width: square ? 500 : PAPER, height: square ? 500 : 310 });
    }
  });
  window.addEventListener("afterprint", () => {
    for (const place of drawn()) Plotly.relayout(place, { autosize: true, width: null, height: null });
  });
})();

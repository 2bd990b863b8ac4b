// Start: the document can be read already. First colours and controls, then figures.
(async () => {
  "use strict";
  if (!document.documentElement.classList.contains("scripted")) return; // a browser that cannot unpack the data
  const began = performance.now();
  try {
    const model = await reportgen.data.load();
    reportgen.state.start(model.facts, model.attributions.length);
    reportgen.scores.start(model);
    reportgen.heat.start(model);
    reportgen.walk.start(model);
    reportgen.strip.start(model);
    const paint = (state) => {
      reportgen.find.setSpots(state, reportgen.heat.paint(state, model));
      reportgen.dom.later("strip", reportgen.strip.paint);
    };
    reportgen.state.subscribe(paint);
    paint(reportgen.state.get());
    reportgen.find.start();
    reportgen.controls.start();
    reportgen.tables.start();
    reportgen.state.onReset(reportgen.tables.reset); // a comparison has tables, and no state
    reportgen.token.start(model);
    reportgen.rankings.start();
    reportgen.contents.start();
    await reportgen.removed.start();
    document.documentElement.dataset.ready = Math.round(performance.now() - began);
    reportgen.dom.later("bundle", async () => {
      const script = document.createElement("script");
      script.textContent = await reportgen.data.script("bundle");
      document.head.append(script);
      reportgen.charts.start();
      await reportgen.maps.start(model.facts);
    });
  } catch (error) {
    document.documentElement.classList.remove("scripted"); // what is there without scripts can be read
    throw error;
  }
})();

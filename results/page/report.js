(function () {
  "use strict";
  // The page is complete without this: here are zoom, the line under the mouse, and copying.
  var chart = document.getElementById("timechart");
  if (chart) {
    var scroll = chart.querySelector(".scroll"), plot = chart.querySelector(".plot");
    var cursor = chart.querySelector(".cursor"), readout = document.getElementById("readout");
    var titles = Array.prototype.map.call(chart.querySelector(".hovers").querySelectorAll("title"), function (t) { return t.textContent; });
    document.querySelector(".tools").hidden = false;
    document.querySelectorAll("[data-zoom]").forEach(function (button) {
      button.addEventListener("click", function () {
        var center = (scroll.scrollLeft + scroll.clientWidth / 2) / plot.clientWidth;
        var zoom = Number(button.dataset.zoom);
        plot.style.width = zoom * 100 + "%";
        chart.classList.toggle("zoomed", zoom >= 5);
        scroll.scrollLeft = center * plot.clientWidth - scroll.clientWidth / 2;
        document.querySelectorAll("[data-zoom]").forEach(function (other) {
          other.setAttribute("aria-pressed", String(other === button));
        });
      });
    });
    plot.addEventListener("mousemove", function (event) {
      var box = plot.getBoundingClientRect(), x = event.clientX - box.left;
      cursor.hidden = false;
      cursor.style.left = x + "px";
      readout.textContent = titles[Math.min(titles.length - 1, Math.floor(x / box.width * titles.length))] || "";
    });
    plot.addEventListener("mouseleave", function () { cursor.hidden = true; readout.textContent = ""; });
  }
  document.querySelectorAll(".copy").forEach(function (button) {
    if (!navigator.clipboard) { return; }
    button.hidden = false;
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(button.parentNode.querySelector("code").textContent).then(function () {
        button.textContent = "copied";
        setTimeout(function () { button.textContent = "copy"; }, 1500);
      });
    });
  });
})();

"use strict";
(() => {
  const hint = () => document.querySelectorAll(".scroll").forEach((box) =>
    box.classList.toggle("moves", box.scrollWidth > box.clientWidth + 2));
  addEventListener("resize", hint);
  setTimeout(hint);
})();

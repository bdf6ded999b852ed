// A button on each moving picture: it stops, and stands still for those who asked so.
addEventListener("DOMContentLoaded", () => {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  for (const picture of document.querySelectorAll('.bd-article img[src^="data:image/gif"]')) {
    const moving = picture.src;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "motion";
    const still = () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
      canvas.getContext("2d").drawImage(picture, 0, 0);
      return canvas.toDataURL();
    };
    const turn = (stop) => {
      picture.src = stop ? still() : moving;
      button.textContent = stop ? "播放动画" : "暂停动画";
      button.ariaPressed = String(stop);
    };
    button.addEventListener("click", () => turn(picture.src === moving));
    picture.after(button);
    picture.decode().then(() => turn(calm));
  }
});

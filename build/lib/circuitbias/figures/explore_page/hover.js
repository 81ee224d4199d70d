// Runs when the pointer moves over a matrix: tells the pair that it is over.
const pre = Math.round(cb_data.geometry.y), post = Math.round(cb_data.geometry.x)
const inside = pre >= 0 && post >= 0 && pre < n && post < n
if (inside && (pair.data.pre[0] !== pre || pair.data.post[0] !== post)) {
  pair.data = {pre: [pre], post: [post]}
}

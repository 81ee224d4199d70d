// Runs when the pointer is over another pair, or the slider moves: draws the correlogram of the pair.
const pre = pair.data.pre[0], post = pair.data.post[0]
const found = store.by_strength[String(strengths[slider.value])]

function bytes(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0))
}

// Where the correlogram of one direction stands; below 0 if it is not in the page.
function place(from, to) {
  if (store.pairs !== null) {
    return new Uint32Array(bytes(store.pairs).buffer).indexOf(from * n + to)
  }
  const [low, high] = from < to ? [from, to] : [to, from]
  const before = low * n - (low * (low + 1)) / 2 + high - low - 1
  return from < to ? before : before + (n * (n - 1)) / 2
}

const ratio = new Array(2 * lags + 1).fill(NaN)
let words = "correlogram: hover over a coupling"
if (pre >= 0 && pre !== post) {
  const [right, left] = [place(pre, post), place(post, pre)]
  words = `correlogram: ${pre} → ${post}`
  if (found === undefined || right < 0) {
    words += ", not in this page"
  } else {
    const values = bytes(found.values), tops = new Uint16Array(bytes(found.tops).buffer)
    for (let lag = 0; lag <= lags; lag++) {
      ratio[lags + lag] = (values[right * (lags + 1) + lag] * tops[right]) / 255000
      if (lag > 0) ratio[lags - lag] = (values[left * (lags + 1) + lag] * tops[left]) / 255000
    }
    words += `, first ${found.n_spikes.toLocaleString("en")} spikes`
  }
}
title.text = words
bars.data = {...bars.data, ratio}

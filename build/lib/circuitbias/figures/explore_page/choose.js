// Runs when a slider or a button moves: shows the estimate that they choose. All numbers lie in the page.
const method = methods[choice_method.active]
const share = shares[choice_share.active]
const r = strengths[slider.value]
const key = `${method} ${share} ${r}`
label.text = `<b>r = ${r}</b>, ${method}, ${shares_in_words[choice_share.active]} of the recording`

function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0))
  return new Int16Array(bytes.buffer)
}

const n = size, found = store[key], missing = -32768
// Changed where they are: these arrays know their shape.
const estimate = matrix.data.image[0].fill(NaN), error = matrix.data.error[0].fill(NaN)
const truth = matrix.data.truth[0]
if (found !== undefined && found.values !== null) {
  const packed = unpacked(found.values)
  for (let k = 0; k < n * n; k++) {
    if (packed[k] !== missing) {
      estimate[k] = packed[k] * found.step
      error[k] = estimate[k] - truth[k]
    }
  }
  note.text = found.note
} else {
  note.text = found === undefined ? "There is no such estimate." : found.note
}
matrix.change.emit()

// Mean over all neurons by the distance on the ring, or all pairs where there is none.
if (circulant) {
  const mean = new Array(n).fill(NaN)
  for (let offset = 1; offset < n; offset++) {
    let sum = 0, count = 0
    for (let pre = 0; pre < n; pre++) {
      const one = estimate[pre * n + ((pre + offset) % n)]
      if (!isNaN(one)) { sum += one; count += 1 }
    }
    mean[offset] = count ? sum / count : NaN
  }
  const half = Math.floor(n / 2)
  const order = Array.from({length: n}, (_, k) => (k - half + n) % n)
  profile.data = {...profile.data, y: order.map((offset) => mean[offset])}
} else {
  profile.data = {x: Array.from(truth), y: Array.from(estimate)}
}

const rows = Array.from(errors.data.r.keys()).filter(
  (k) => errors.data.method[k] === method && errors.data.share[k] === share
)
const picked = (name) => rows.map((k) => errors.data[name][k])
curves.data = {r: picked("r"), total: picked("total"), bias: picked("bias"), variance: picked("variance")}
const here = rows.filter((k) => errors.data.r[k] === r)
const spot = (name) => here.map((k) => errors.data[name][k])
now.data = {r: spot("r"), total: spot("total"), bias: spot("bias"), variance: spot("variance")}

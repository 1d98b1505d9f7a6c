import Cores

/// Jobs that compute for so long, at a line whose clock is a number.
struct Crowd {
  struct Job {
    var owner: UInt64
    /// Seconds at which it comes.
    var arrival: Double
    /// Seconds of its units of work.
    var units: [Double]
    /// Whether it says what it still needs.
    var tells = true
    /// Seconds of sound that a unit makes; its sound plays from the end of the first one on.
    var soundPerUnit: Double?
  }

  struct Outcome {
    var start: Double?
    var end = 0.0
    /// The longest that its listener had to wait for sound, once it played.
    var longestGap = 0.0
    var had = 0.0
  }

  var jobs: [Job]
  /// Seconds between two checkpoints.
  var checkpoint = 0.01

  private struct Running {
    var unit = 0
    var left = 0.0
    var isMidway = false
    var outcome = Outcome()
    var sound = 0.0
  }

  /// Plays until all jobs are done, or `end`.
  func run(until end: Double = .infinity) -> [Outcome] {
    var line = TurnLine()
    var now = 0.0
    var states = jobs.map { Running(left: $0.units[0]) }
    var pending = Set(jobs.indices)
    var open: Set<Int> = []
    var turn = 0.0

    func need(_ index: Int) -> Need {
      let (job, state) = (jobs[index], states[index])
      let rest = state.left + job.units[(state.unit + 1)...].reduce(0, +)
      var need = Need(remaining: job.tells ? rest : nil, unit: job.units[state.unit])
      if job.soundPerUnit != nil {
        need.remaining = nil
        need.due = (state.outcome.start ?? now) + state.sound
      }
      return need
    }
    func ask(_ index: Int) {
      line.set(need(index), of: UInt64(index))
      if line.request(UInt64(index), at: now) { turn = now }
    }

    while !(pending.isEmpty && open.isEmpty), now < end {
      for index in pending.sorted() where jobs[index].arrival <= now {
        pending.remove(index)
        open.insert(index)
        line.join(UInt64(index), owner: jobs[index].owner)
        ask(index)
      }
      guard let member = line.running else {
        now = pending.map { jobs[$0].arrival }.min() ?? end
        continue
      }
      let index = Int(member)
      let step = min(checkpoint, states[index].left)
      now += step
      states[index].left -= step
      states[index].outcome.had += step
      guard states[index].left <= 1e-12 else {
        _ = line.reconsider(member, took: now - turn, at: now)
        turn = now
        continue
      }
      let job = jobs[index]
      if let sound = job.soundPerUnit {
        if let start = states[index].outcome.start {
          states[index].outcome.longestGap = max(
            states[index].outcome.longestGap, now - start - states[index].sound)
        } else {
          states[index].outcome.start = now
        }
        states[index].sound += sound
      }
      states[index].unit += 1
      let isDone = states[index].unit == job.units.count
      _ = line.release(member, took: now - turn, at: now)
      turn = now
      if isDone {
        states[index].outcome.end = now
        _ = line.leave(member, at: now)
        open.remove(index)
        continue
      }
      states[index].left = job.units[states[index].unit]
      ask(index)
    }
    return states.map(\.outcome)
  }
}

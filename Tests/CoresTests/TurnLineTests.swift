import Cores
import Testing

@Suite("Turns are fair, and short jobs do not wait for long ones")
struct TurnLineTests {
  /// Half an hour of steps.
  private func long(_ owner: UInt64, at arrival: Double = 0) -> Crowd.Job {
    Crowd.Job(owner: owner, arrival: arrival, units: Array(repeating: 5.6, count: 320))
  }

  private func short(_ owner: UInt64, at arrival: Double) -> Crowd.Job {
    Crowd.Job(owner: owner, arrival: arrival, units: Array(repeating: 0.02, count: 20))
  }

  @Test func aShortJobGoesBeforeALongOne() {
    for arrival in [0.0, 1.234, 5.6, 100.1] {
      let outcomes = Crowd(jobs: [long(1), short(2, at: arrival)]).run(until: arrival + 60)
      #expect(outcomes[1].end - arrival < 2 * 0.4)
      #expect(outcomes[1].end > arrival)
    }
  }

  @Test func aLongJobGetsItsShareBesideEndlessShortOnes() {
    // One short job after the other, without a pause, from three connections.
    let crowd = (0..<300).map { short(2 + UInt64($0 % 3), at: Double($0) * 0.3) }
    let outcomes = Crowd(jobs: [long(1)] + crowd).run(until: 90)
    #expect(outcomes[0].had > 0.2 * 90)
    // And the crowd still gets on.
    #expect(outcomes.dropFirst().reduce(0) { $0 + $1.had } > 0.6 * 90)
  }

  @Test func aCrowdOfLongJobsDoesNotHoldUpAShortOne() {
    let crowd = (0..<30).map { long(UInt64($0)) }
    let outcomes = Crowd(jobs: crowd + [short(99, at: 50)]).run(until: 60)
    #expect(outcomes[30].end > 50 && outcomes[30].end - 50 < 2 * 0.4)
  }

  @Test func connectionsWithUnequalAppetitesGetEqualShares() {
    // One job, four, and sixteen: all of them long.
    let jobs =
      [long(1)] + (0..<4).map { _ in long(2) } + (0..<16).map { _ in long(3) }
    let outcomes = Crowd(jobs: jobs).run(until: 1_000)
    let shares = [outcomes[0...0], outcomes[1...4], outcomes[5...20]].map {
      $0.reduce(0) { $0 + $1.had }
    }
    for share in shares { #expect(abs(share - 1_000 / 3) < 2 * 5.6) }
    // And the jobs of a connection equal shares of its own.
    for outcome in outcomes[1...4] { #expect(abs(outcome.had - 1_000 / 12) < 2 * 5.6) }
  }

  @Test func whoRestedHasNotSavedTurnsUp() {
    let late = Crowd.Job(owner: 2, arrival: 500, units: Array(repeating: 0.4, count: 1_000))
    let first = Crowd.Job(owner: 1, arrival: 0, units: Array(repeating: 0.4, count: 10_000))
    let outcomes = Crowd(jobs: [first, late]).run(until: 600)
    #expect(abs(outcomes[1].had - 50) < 1)
  }

  @Test func soundThatIsDueSoonGoesFirst() {
    // 1.28 s of sound take 0.2 s of computing; two of them, beside six jobs that have minutes left.
    let player = Crowd.Job(
      owner: 1, arrival: 3, units: Array(repeating: 0.2, count: 40), soundPerUnit: 1.28)
    let others = (0..<6).map { long(10 + UInt64($0)) }
    let outcomes = Crowd(jobs: [player, player] + others).run(until: 60)
    for outcome in outcomes.prefix(2) {
      #expect((outcome.start ?? 99) < 4.5)
      #expect(outcome.longestGap == 0)
    }
    // What is far enough ahead leaves the cores to the others.
    #expect(outcomes.dropFirst(2).reduce(0) { $0 + $1.had } > 0.6 * 57)
  }

  @Test func workBesideTurnsCounts() {
    var line = TurnLine()
    for member in 1...3 as ClosedRange<UInt64> {
      line.join(member, owner: member == 3 ? 2 : member)
      line.set(Need(remaining: 1_000, unit: 0.1), of: member)
    }
    var had: [UInt64: Double] = [:]
    var now = 0.0
    for member in 1...3 as ClosedRange<UInt64> { _ = line.request(member, at: now) }
    // Connection 1 works for 4 s beside its turns; so does the third job, for 2 s.
    line.charge(1, beside: 4)
    line.charge(3, beside: 2)
    while now < 20 {
      guard let member = line.running else { break }
      now += 0.1
      had[member, default: 0] += 0.1
      _ = line.release(member, took: 0.1, at: now)
      _ = line.request(member, at: now)
    }
    // Each connection has had 13 s in all, and of the second one's each job 6.5.
    #expect(abs((had[1] ?? 0) - 9) < 0.5)
    #expect(abs((had[2] ?? 0) - 6.5) < 0.5 && abs((had[3] ?? 0) - 4.5) < 0.5)
    // Nobody pays for who has left.
    line.charge(9, beside: 100)
    #expect(line.running != nil)
  }

  @Test func onlyOneLongUnitIsBegunAtATime() {
    var line = TurnLine()
    for member in 1...3 as ClosedRange<UInt64> {
      line.join(member, owner: member)
      line.set(Need(remaining: 100, unit: 5), of: member)
    }
    line.set(Need(remaining: 0.4, unit: 0.02), of: 3)
    let first = line.request(1, at: 0)
    let second = line.request(2, at: 0)
    #expect(first && !second)
    // Of two long units the second waits for the end of the first.
    let afterOne = line.reconsider(1, took: 1, at: 1)
    #expect(afterOne == 1)
    // A short one may come between.
    let third = line.request(3, at: 1)
    let afterTwo = line.reconsider(1, took: 1, at: 1)
    #expect(!third && afterTwo == 3)
    _ = line.release(3, took: 0.02, at: 1.02)
    let afterThree = line.leave(3, at: 1.02)
    #expect(afterThree == 1)
    let afterFour = line.release(1, took: 4, at: 5)
    #expect(afterFour == 2)
  }

  @Test func placesInTheLineAndWhatIsLeftAreTold() {
    var line = TurnLine()
    for member in 1...4 as ClosedRange<UInt64> { line.join(member, owner: member) }
    line.set(Need(remaining: 600, unit: 5), of: 1)
    line.set(Need(remaining: 300, unit: 5), of: 2)
    line.set(Need(remaining: 1, unit: 0.02), of: 3)
    let granted = (1...3 as ClosedRange<UInt64>).map { line.request($0, at: 0) }
    #expect(granted == [true, false, false])
    #expect(line.ahead(of: 3, at: 0) == 1)
    #expect(line.ahead(of: 2, at: 0) == 2)
    #expect(line.secondsLeft(of: 3) == 3)
    #expect(line.secondsLeft(of: 2) == 601)
    #expect(line.secondsLeft(of: 4) == nil)
  }

  /// Jobs whose units are done together, where `cost` is that of so many: what each has had, and how many
  /// units of each were done.
  private func together(
    _ owners: [UInt64], most: Int, cost: (Int) -> Double, until end: Double
  ) -> (had: [Double], units: [Int]) {
    var line = TurnLine()
    var now = 0.0
    var had = owners.map { _ in 0.0 }
    var units = owners.map { _ in 0 }
    for (index, owner) in owners.enumerated() {
      line.join(UInt64(index), owner: owner)
      line.set(Need(remaining: 1_000, unit: cost(1)), of: UInt64(index))
      _ = line.request(UInt64(index), at: now)
    }
    while now < end, let leader = line.running {
      let companions = Array(line.companions(of: leader, at: now).prefix(most - 1))
      line.carry(companions, with: leader)
      let seconds = cost(companions.count + 1)
      now += seconds
      _ = line.release(leader, took: seconds, at: now)
      for member in [leader] + companions {
        had[Int(member)] += seconds / Double(companions.count + 1)
        units[Int(member)] += 1
        _ = line.request(member, at: now)
      }
    }
    return (had, units)
  }

  @Test func connectionsGetEqualSharesOfTurnsForSeveral() {
    // One job, four, and eleven; eight units together take five times as long as one.
    let owners: [UInt64] = [1] + Array(repeating: 2, count: 4) + Array(repeating: 3, count: 11)
    func cost(_ count: Int) -> Double { 0.013 * (0.4 + 0.6 * Double(count)) }
    let (had, units) = together(owners, most: 8, cost: cost, until: 300)
    let shares = [had[0...0], had[1...4], had[5...15]].map { $0.reduce(0, +) }
    for share in shares { #expect(abs(share - 100) < 1) }
    for seconds in had[1...4] { #expect(abs(seconds - 25) < 1) }
    for seconds in had[5...15] { #expect(abs(seconds - 100 / 11.0) < 1) }
    // Everybody gets on faster than one by one.
    let alone = together(owners, most: 1, cost: cost, until: 300).units
    for (more, fewer) in zip(units, alone) { #expect(more > fewer) }
  }

  @Test func whoIsTakenAlongIsNeitherWaitingNorForgotten() {
    var line = TurnLine()
    for member in 1...4 as ClosedRange<UInt64> {
      line.join(member, owner: member)
      line.set(Need(remaining: 100, unit: 0.02), of: member)
      _ = line.request(member, at: 0)
    }
    #expect(line.running == 1 && line.waiting == 3)
    #expect(line.companions(of: 1, at: 0) == [2, 3, 4])
    line.carry([2, 3], with: 1)
    #expect(line.waiting == 1)
    #expect(line.companions(of: 1, at: 0) == [4])
    #expect(line.ahead(of: 4, at: 0) == 3)
    #expect(line.secondsLeft(of: 4) == 400)
    let withdrawn = line.withdraw(2)
    #expect(!withdrawn)
    let next = line.release(1, took: 0.3, at: 0.3)
    #expect(next == 4)
    // Each has paid a third.
    for member in 1...3 as ClosedRange<UInt64> { _ = line.request(member, at: 0.3) }
    let afterFour = line.release(4, took: 0.05, at: 0.35)
    #expect(afterFour == 1)
    #expect(line.companions(of: 1, at: 0.35) == [2, 3])
  }

  /// An urgent job and a patient one that waits; the urgent one has just had a turn.
  private func betweenTurns() -> TurnLine {
    var line = TurnLine()
    for member in 1...3 as ClosedRange<UInt64> { line.join(member, owner: member) }
    line.set(Need(remaining: 0.4, unit: 0.02), of: 1)
    line.set(Need(remaining: 600, unit: 5), of: 2)
    line.set(Need(remaining: 0.4, unit: 0.02), of: 3)
    _ = line.request(1, at: 0)
    _ = line.request(2, at: 0)
    _ = line.release(1, took: 0.02, at: 0.02)
    return line
  }

  @Test func whoComesFirstAllTheSameIsNamedWhenTheTurnIsNoLongerKept() {
    var line = betweenTurns()
    // Meanwhile it has found that it needs minutes, and the one that waits has had less.
    line.set(Need(remaining: 600, unit: 5), of: 1)
    let next = line.ask(1, at: 0.021)
    #expect(next == 2 && line.running == 2)
    // It waits as well.
    let then = line.release(2, took: 5, at: 5.1)
    #expect(then == 1)
  }

  @Test func theTurnIsKeptForAnUrgentJobThatComesRightBack() {
    var line = betweenTurns()
    #expect(line.isReserved && line.running == nil)
    let back = line.request(1, at: 0.021)
    #expect(back && !line.isReserved)
    // Another urgent one need not wait for it.
    line = betweenTurns()
    let other = line.request(3, at: 0.021)
    #expect(other)
    // A patient one has to, until the first has been waited for, or has left.
    line = betweenTurns()
    let lapsed = line.giveUp(at: 0.03)
    #expect(lapsed == 2 && line.running == 2)
    line = betweenTurns()
    let left = line.leave(1, at: 0.021)
    #expect(left == 2)
    line = betweenTurns()
    let cancelled = line.giveUp(1, at: 0.021)
    #expect(cancelled == 2)
  }

  @Test func thePatientGetTheirQuarterAllTheSame() {
    var line = betweenTurns()
    var now = 0.021
    var patient = 0.0
    _ = line.request(1, at: now)
    while now < 30 {
      guard let member = line.running else {
        Issue.record("nobody has the turn")
        return
      }
      now += 0.02
      if member == 2 {
        patient += 0.02
        _ = line.reconsider(2, took: 0.02, at: now)
      } else {
        _ = line.release(1, took: 0.02, at: now)
        _ = line.request(1, at: now)
      }
    }
    #expect(abs(patient - 30 / 4) < 0.5)
  }
}

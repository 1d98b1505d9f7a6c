extension Pipeline {
  /// The scheduler that the request names, or the checkpoint's own, its timesteps set.
  func scheduler(_ request: DiffusionRequest) throws(DiffusionError) -> any Scheduler {
    try checkpoint.schedulers.plan(request.scheduler)
      .scheduler(steps: request.steps, eta: request.eta)
  }
}

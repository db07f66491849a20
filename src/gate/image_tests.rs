use super::*;

fn check(unscanned: Unscanned) -> ImageCheck {
    let at_most = [(Severity::Critical, 0), (Severity::High, 3)];
    ImageCheck {
        at_most: at_most.into(),
        unscanned,
    }
}

fn seen(is: ImageIs) -> ImageSeen {
    ImageSeen {
        reference: "shop:v2".to_owned(),
        is,
    }
}

fn done(critical: u32, high: u32) -> Scan {
    Scan::Done([(Severity::Critical, critical), (Severity::High, high)].into())
}

fn said(check: &ImageCheck, images: &[ImageSeen]) -> (&'static str, String) {
    match check.judge(images) {
        GateAnswer::Passed { what } => ("yes", what),
        GateAnswer::Failed { why } => ("no", why),
        GateAnswer::Again { why, .. } => ("again", why),
    }
}

#[test]
fn findings_up_to_the_limit_pass_and_one_more_does_not() {
    let check = check(Unscanned::Wait);
    let of = |scan| said(&check, &[seen(ImageIs::Fit(vec![scan]))]);
    assert_eq!(
        of(done(0, 3)),
        ("yes", "shop:v2 has 3 high findings".to_owned())
    );
    assert_eq!(
        of(done(0, 0)),
        ("yes", "shop:v2 has no findings".to_owned())
    );
    let why = "shop:v2 has 4 high findings, and 3 may be there".to_owned();
    assert_eq!(of(done(0, 4)), ("no", why));
    let (says, why) = of(done(1, 4));
    assert_eq!(says, "no");
    assert!(
        why.contains("1 critical findings, and 0 may be there, 4 high"),
        "{why}"
    );
    let many = Scan::Done([(Severity::Medium, 90)].into());
    assert_eq!(of(many).0, "yes", "nothing limits these");
}

#[test]
fn a_scan_that_is_under_way_is_waited_for_and_one_that_is_missing_by_policy() {
    let of = |unscanned, scan| said(&check(unscanned), &[seen(ImageIs::Fit(vec![scan]))]).0;
    let failed = || Scan::Failed("UNSUPPORTED_IMAGE".to_owned());
    for (unscanned, absent, cannot) in [
        (Unscanned::Wait, "again", "no"),
        (Unscanned::Fail, "no", "no"),
        (Unscanned::Pass, "yes", "yes"),
    ] {
        assert_eq!(of(unscanned, Scan::Running), "again", "{unscanned:?}");
        assert_eq!(of(unscanned, Scan::Absent), absent, "{unscanned:?}");
        assert_eq!(of(unscanned, failed()), cannot, "{unscanned:?}");
    }
}

#[test]
fn the_worst_scan_of_the_worst_image_decides() {
    let check = check(Unscanned::Wait);
    let (good, bad) = (done(0, 0), done(1, 0));
    let of = |images: &[ImageIs]| {
        let images: Vec<_> = images.iter().cloned().map(seen).collect();
        said(&check, &images).0
    };
    let fit = |scans: &[Scan]| ImageIs::Fit(scans.to_vec());
    assert_eq!(of(&[fit(&[good.clone(), bad.clone()])]), "no");
    assert_eq!(of(&[fit(&[good.clone(), Scan::Running])]), "again");
    assert_eq!(
        of(&[fit(std::slice::from_ref(&good)), ImageIs::Missing]),
        "no"
    );
    assert_eq!(of(&[fit(&[Scan::Running]), ImageIs::Missing]), "no");
    assert_eq!(
        of(&[fit(std::slice::from_ref(&good)), ImageIs::Elsewhere]),
        "yes"
    );
    assert_eq!(of(&[ImageIs::Later("throttled".to_owned())]), "again");
    assert_eq!(of(&[ImageIs::Unknown("not allowed".to_owned())]), "no");
    assert_eq!(of(&[ImageIs::Elsewhere]), "no", "nothing was looked at");
}

#[test]
fn without_limits_no_scan_is_looked_at() {
    let check = ImageCheck {
        at_most: BTreeMap::new(),
        unscanned: Unscanned::Wait,
    };
    assert_eq!(said(&check, &[seen(ImageIs::Fit(Vec::new()))]).0, "yes");
    let unfit = ImageIs::Unfit("is made for linux/arm64".to_owned());
    assert_eq!(said(&check, &[seen(unfit)]).0, "no");
}

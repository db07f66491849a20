use proptest::prelude::*;

use super::*;

fn group(name: &str) -> TargetGroupArn {
    TargetGroupArn::new(format!(
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{name}/0123456789abcdef"
    ))
}

fn apply(xml: &str, change: Edit) -> Result<Option<Element>, Refusal> {
    let list = Element::parse(xml.as_bytes()).unwrap();
    let (blue, green) = (group("shop-a"), group("shop-b"));
    let pair = Pair {
        blue: &blue,
        green: &green,
    };
    edit(&list, pair, change)
}

/// The Query parameters of the edited list.
fn query(xml: &str, change: Edit) -> Vec<(String, String)> {
    let list = apply(xml, change).unwrap().unwrap();
    let mut parameters = Vec::new();
    list.to_query("Actions", &mut parameters);
    parameters
}

fn get<'a>(parameters: &'a [(String, String)], key: &str) -> Option<&'a str> {
    parameters
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.as_str())
}

fn weight(percent: u16) -> Weight {
    Weight::of_per_mille(percent * 10).unwrap()
}

fn tuple_xml(name: &str, weight: u16) -> String {
    let arn = group(name);
    format!("<member><TargetGroupArn>{arn}</TargetGroupArn><Weight>{weight}</Weight></member>")
}

/// A list of one forward action over those groups.
fn forward_xml(groups: &[(&str, u16)], sticky: &str) -> String {
    let tuples: String = groups
        .iter()
        .map(|(name, weight)| tuple_xml(name, *weight))
        .collect();
    format!(
        "<Actions><member><Type>forward</Type><Order>1</Order><ForwardConfig>\
         <TargetGroups>{tuples}</TargetGroups>{sticky}</ForwardConfig></member></Actions>"
    )
}

const STICKY: &str = "<TargetGroupStickinessConfig><Enabled>true</Enabled>\
                      <DurationSeconds>3600</DurationSeconds></TargetGroupStickinessConfig>";

/// OIDC first, a JWT check with things nobody has heard of, then the forward.
fn guarded() -> String {
    format!(
        "<Actions>\
           <member><Type>authenticate-oidc</Type><Order>1</Order><AuthenticateOidcConfig>\
             <Issuer>https://id.example.com</Issuer><ClientId>shop &amp; co</ClientId>\
             <Scope>openid email</Scope><SessionTimeout>604800</SessionTimeout>\
             <AuthenticationRequestExtraParams><entry><key>prompt</key><value>login</value></entry>\
             </AuthenticationRequestExtraParams>\
             <OnUnauthenticatedRequest>authenticate</OnUnauthenticatedRequest>\
           </AuthenticateOidcConfig></member>\
           <member><Type>jwt-validation</Type><Order>2</Order><JwtValidationConfig>\
             <JwksEndpoint>https://id.example.com/keys</JwksEndpoint>\
             <AdditionalClaims><member><Name>aud</Name><Format>string-array</Format>\
               <Values><member>a</member><member>b</member></Values></member></AdditionalClaims>\
             <FromTheFuture><Deep><member>1</member></Deep><Flat/></FromTheFuture>\
           </JwtValidationConfig></member>\
           <member><Type>forward</Type><TargetGroupArn>{blue}</TargetGroupArn><Order>3</Order>\
             <ForwardConfig><TargetGroups>{}{}</TargetGroups>{STICKY}\
               <Tomorrow>yes</Tomorrow></ForwardConfig></member>\
         </Actions>",
        tuple_xml("shop-a", 100),
        tuple_xml("shop-b", 0),
        blue = group("shop-a"),
    )
}

fn raise_to(to: Weight) -> Edit {
    Edit::Raise { from: None, to }
}

#[test]
fn a_raise_never_undoes_what_somebody_else_did_since_the_last_look() {
    let raise = |from, to| Edit::Raise {
        from: Some(from),
        to,
    };
    let all_blue = forward_xml(&[("shop-a", 100), ("shop-b", 0)], "");
    let moved = apply(&all_blue, raise(weight(10), weight(50)));
    assert!(matches!(moved, Err(Refusal::Moved { .. })), "{moved:?}");
    for edit in [
        raise(Weight::ZERO, weight(10)),
        raise(weight(10), Weight::ZERO),
    ] {
        assert!(apply(&all_blue, edit).is_ok());
    }
}

#[test]
fn only_the_two_weights_of_a_guarded_route_change() {
    let list = Element::parse(guarded().as_bytes()).unwrap();
    let mut before = Vec::new();
    list.to_query("Actions", &mut before);
    let after = query(&guarded(), raise_to(weight(10)));
    let key = "Actions.member.3.ForwardConfig.TargetGroups.member";
    let mut expected = before;
    expected.retain(|(name, _)| name != "Actions.member.3.TargetGroupArn");
    for (name, value) in &mut expected {
        if *name == format!("{key}.1.Weight") {
            "90".clone_into(value);
        } else if *name == format!("{key}.2.Weight") {
            "10".clone_into(value);
        }
    }
    let at = expected
        .iter()
        .position(|(name, _)| name.contains(".OnUnauthenticatedRequest"))
        .unwrap();
    let existing = "Actions.member.1.AuthenticateOidcConfig.UseExistingClientSecret";
    expected.insert(at + 1, (existing.to_owned(), "true".to_owned()));
    assert_eq!(after, expected);
}

#[test]
fn elements_travel_as_query_writes_them() {
    let after = query(&guarded(), raise_to(weight(10)));
    let oidc = "Actions.member.1.AuthenticateOidcConfig";
    let extra = format!("{oidc}.AuthenticationRequestExtraParams.entry.1");
    assert_eq!(get(&after, &format!("{extra}.key")), Some("prompt"));
    assert_eq!(get(&after, &format!("{extra}.value")), Some("login"));
    assert_eq!(get(&after, &format!("{oidc}.ClientId")), Some("shop & co"));
    assert_eq!(get(&after, &format!("{oidc}.ClientSecret")), None);
    let jwt = "Actions.member.2.JwtValidationConfig";
    let claim = format!("{jwt}.AdditionalClaims.member.1.Values.member.2");
    assert_eq!(get(&after, &claim), Some("b"));
    assert_eq!(
        get(&after, &format!("{jwt}.FromTheFuture.Deep.member.1")),
        Some("1")
    );
    assert_eq!(get(&after, &format!("{jwt}.FromTheFuture.Flat")), Some(""));
    let forward = "Actions.member.3.ForwardConfig";
    assert_eq!(get(&after, &format!("{forward}.Tomorrow")), Some("yes"));
    let sticky = format!("{forward}.TargetGroupStickinessConfig.DurationSeconds");
    assert_eq!(get(&after, &sticky), Some("3600"));
}

#[test]
fn a_secret_that_came_back_empty_is_never_sent() {
    let xml = guarded().replace("<Scope>", "<ClientSecret></ClientSecret><Scope>");
    let after = query(
        &xml,
        Edit::AllBlue {
            green: Leftover::Named,
        },
    );
    assert!(
        after.iter().all(|(name, _)| !name.ends_with("ClientSecret")
            || name.ends_with("UseExistingClientSecret"))
    );
}

#[test]
fn whole_percents_and_tenths_stay_within_999() {
    let of = |per_mille| integers(Weight::of_per_mille(per_mille).unwrap());
    assert_eq!(
        [0, 10, 500, 990, 1000].map(of),
        [(100, 0), (99, 1), (50, 50), (1, 99), (0, 100)]
    );
    assert_eq!([1, 25, 999].map(of), [(999, 1), (975, 25), (1, 999)]);
}

#[test]
fn a_plain_forward_gets_a_second_group() {
    let xml = format!(
        "<Actions><member><Type>forward</Type><TargetGroupArn>{}</TargetGroupArn></member></Actions>",
        group("shop-a")
    );
    let after = query(&xml, Edit::AddGreen);
    let key = "Actions.member.1.ForwardConfig.TargetGroups.member";
    assert_eq!(get(&after, "Actions.member.1.TargetGroupArn"), None);
    assert_eq!(get(&after, &format!("{key}.1.Weight")), Some("1"));
    assert_eq!(
        get(&after, &format!("{key}.2.TargetGroupArn")),
        Some(group("shop-b").as_str())
    );
    assert_eq!(get(&after, &format!("{key}.2.Weight")), Some("0"));
}

#[test]
fn a_group_that_is_named_is_not_added_again() {
    let xml = forward_xml(&[("shop-a", 1), ("shop-b", 0)], "");
    assert_eq!(apply(&xml, Edit::AddGreen), Ok(None));
}

#[test]
fn a_split_that_stands_is_not_written_again_whatever_its_integers() {
    let xml = forward_xml(&[("shop-a", 9), ("shop-b", 1)], "");
    assert_eq!(apply(&xml, raise_to(weight(10))), Ok(None));
    assert!(apply(&xml, raise_to(weight(20))).unwrap().is_some());
    let all_green = forward_xml(&[("shop-a", 0), ("shop-b", 7)], "");
    assert_eq!(apply(&all_green, raise_to(Weight::FULL)), Ok(None));
    let nowhere = forward_xml(&[("shop-a", 0), ("shop-b", 0)], "");
    assert!(apply(&nowhere, raise_to(Weight::FULL)).unwrap().is_some());
}

#[test]
fn a_third_group_with_weight_stops_a_raise_but_no_revert() {
    let xml = forward_xml(&[("shop-a", 50), ("shop-b", 25), ("old", 25)], "");
    assert_eq!(
        apply(&xml, raise_to(weight(50))),
        Err(Refusal::Foreign("old".to_owned()))
    );
    let list = apply(
        &xml,
        Edit::AllBlue {
            green: Leftover::Named,
        },
    )
    .unwrap()
    .unwrap();
    let weights = weights(&list, &[&group("shop-a")]);
    assert_eq!(weights.values().copied().collect::<Vec<_>>(), [0, 100, 0]);
    assert_eq!(weights[&group("shop-a")], 100);
    let unloaded = forward_xml(&[("shop-a", 100), ("shop-b", 0), ("old", 0)], "");
    assert!(apply(&unloaded, raise_to(weight(50))).unwrap().is_some());
}

#[test]
fn an_action_that_somebody_replaced_is_left_alone() {
    let xml = "<Actions><member><Type>fixed-response</Type></member></Actions>";
    for change in [
        raise_to(weight(1)),
        Edit::AllBlue {
            green: Leftover::Named,
        },
    ] {
        assert!(matches!(apply(xml, change), Err(Refusal::NotOurs { .. })));
    }
}

#[test]
fn a_revert_takes_green_off_a_sticky_route_and_keeps_the_stickiness() {
    let xml = forward_xml(&[("shop-a", 90), ("shop-b", 10)], STICKY);
    let list = apply(
        &xml,
        Edit::AllBlue {
            green: Leftover::Removed,
        },
    )
    .unwrap()
    .unwrap();
    let weights = weights(&list, &[&group("shop-a")]);
    assert_eq!(
        weights.into_iter().collect::<Vec<_>>(),
        [(group("shop-a"), 100)]
    );
    assert_eq!(stickiness(&list), Some(Duration::from_secs(3600)));
}

#[test]
fn a_revert_puts_a_missing_blue_back() {
    let xml = forward_xml(&[("shop-b", 100)], "");
    let list = apply(
        &xml,
        Edit::AllBlue {
            green: Leftover::Named,
        },
    )
    .unwrap()
    .unwrap();
    let weights = weights(&list, &[&group("shop-a")]);
    assert_eq!(
        (weights[&group("shop-a")], weights[&group("shop-b")]),
        (100, 0)
    );
}

#[test]
fn a_group_is_unpinned_only_without_weight() {
    let loaded = forward_xml(&[("shop-a", 1), ("shop-b", 99)], STICKY);
    assert_eq!(
        apply(&loaded, Edit::DropBlue),
        Err(Refusal::Loaded("shop-a".to_owned()))
    );
    let only = forward_xml(&[("shop-a", 0)], STICKY);
    assert_eq!(
        apply(&only, Edit::DropBlue),
        Err(Refusal::Only("shop-a".to_owned()))
    );
    let gone = forward_xml(&[("shop-b", 100)], STICKY);
    assert_eq!(apply(&gone, Edit::DropBlue), Ok(None));
    let idle = forward_xml(&[("shop-a", 0), ("shop-b", 100)], STICKY);
    let list = apply(&idle, Edit::DropBlue).unwrap().unwrap();
    assert_eq!(
        weights(&list, &[]).into_keys().collect::<Vec<_>>(),
        [group("shop-b")]
    );
}

#[test]
fn stickiness_that_is_off_pins_nobody() {
    let off = STICKY.replace("true", "false");
    let list = Element::parse(forward_xml(&[("shop-a", 1)], &off).as_bytes()).unwrap();
    assert_eq!(stickiness(&list), None);
}

proptest! {
    /// Invariant 1, for any action list that names one of the two and any share.
    #[test]
    fn after_a_write_only_the_two_carry_traffic(
        blue in 0u16..=999, green in 0u16..=999, third in 0u16..=999, per_mille in 0u16..=1000,
        revert in any::<bool>(),
    ) {
        let xml = forward_xml(&[("shop-a", blue), ("old", third), ("shop-b", green)], "");
        let share = Weight::of_per_mille(per_mille).unwrap();
        let change = match revert {
            true => Edit::AllBlue { green: Leftover::Named },
            false => raise_to(share),
        };
        match apply(&xml, change) {
            Err(Refusal::Foreign(_)) => prop_assert!(third > 0 && !revert),
            Err(refusal) => prop_assert!(false, "{refusal}"),
            Ok(written) => {
                let list = written.unwrap_or_else(|| Element::parse(xml.as_bytes()).unwrap());
                let weights = weights(&list, &[&group("shop-a")]);
                let (blue, green) = (weights[&group("shop-a")], weights[&group("shop-b")]);
                prop_assert_eq!(weights[&group("old")], 0);
                prop_assert!(weights.values().all(|weight| *weight <= 999));
                let expected = if revert { 0 } else { u32::from(per_mille) };
                prop_assert_eq!(green * 1000, expected * (blue + green));
            }
        }
    }
}

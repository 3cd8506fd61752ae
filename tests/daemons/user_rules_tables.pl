# What SpamAssassin makes of its rules and then of a user's preferences: every table of rules, and how
# many of the compiled meta rules are still the same ones. Run by test_user_rules_plugin.py.

use strict;
use warnings;

use JSON::PP;
use Mail::SpamAssassin;
use Scalar::Util 'refaddr';

my ($site, $rules, $preferences, $home) = @ARGV;
my $main = Mail::SpamAssassin->new({
    site_rules_filename  => $site,
    rules_filename       => $rules,
    userprefs_filename   => '/dev/null',
    local_tests_only     => 1,
    dont_copy_prefs      => 1,
    userstate_dir        => $home,
    home_dir_for_helpers => $home,
});
$main->compile_now(0, 1);    # as spamd does before it forks
my $conf = $main->{conf};

sub compiled {
    my $metas = $conf->{meta_tests};
    return { map { $_ => refaddr $metas->{$_} } keys %$metas };
}

my $before = compiled();
$main->read_scoreonly_config($preferences);
my $after = compiled();
my @kept = grep { $before->{$_} == $after->{$_} } keys %$before;

my @names = qw(tests priority test_types meta_dependencies meta_deprules scores tflags
    user_defined_rules required_score blocklist_from);
push @names, grep { /_tests$|_evals$/ && $_ ne 'meta_tests' } keys %$conf;
my %tables = map { $_ => $conf->{$_} } @names;
$tables{priorities} = [sort keys %{ $conf->{priorities} }];

my $json = JSON::PP->new->canonical->allow_nonref->allow_blessed->allow_unknown;
print $json->encode({
    metas  => scalar(keys %$before),
    kept   => scalar(@kept),
    tables => \%tables,
});
